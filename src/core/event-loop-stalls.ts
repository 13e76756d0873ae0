/** Time between two looks at the event loop, in milliseconds. */
const INTERVAL = 250

/** When a look comes later than this after the last, the loop stood still; in milliseconds. */
const LATE = 2 * INTERVAL

/** For how long after a stall the relay may still be reading what came during it, in milliseconds. */
export const AFTERMATH = 1000

/**
 * Notices when the event loop stood still, or the whole machine did. What is read afterwards may have come at any
 * time during the stall.
 */
export class EventLoopStalls {
  #timer: NodeJS.Timeout | undefined
  #users = 0
  /** When it looked last. */
  #seen = 0
  /** When the latest stall began, or the first of several in a row, and when it ended. */
  #began = Number.POSITIVE_INFINITY
  #ended = Number.NEGATIVE_INFINITY

  /** Watches the loop for one more user, until that calls {@link EventLoopStalls.unwatch}. */
  watch(): void {
    if (this.#users++ > 0) return
    this.#seen = performance.now()
    this.#timer = setInterval(() => this.#look(performance.now()), INTERVAL).unref()
  }

  unwatch(): void {
    if (--this.#users === 0) clearInterval(this.#timer)
  }

  /** When a stall began that has just ended; `Infinity` if there was none. */
  began(now: number): number {
    this.#look(now)
    return now - this.#ended > AFTERMATH ? Number.POSITIVE_INFINITY : this.#began
  }

  #look(now: number): void {
    // Sockets may be read before the timer fires, so each question is a look as well.
    if (now - this.#seen > LATE) {
      if (this.#seen - this.#ended > AFTERMATH) this.#began = this.#seen
      this.#ended = now
    }
    this.#seen = now
  }
}
