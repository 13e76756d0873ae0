/** How often the event loop is looked at, in milliseconds. */
const INTERVAL = 250

/** Later than this it stood still. */
const LATE = 2 * INTERVAL

/** For how long what waited for the relay may still be read afterwards, in milliseconds. */
export const AFTERMATH = 1000

/**
 * Notices when the event loop stood still, or the whole machine did. What is read afterwards may have
 * come at any time meanwhile.
 */
export class Stalls {
  #timer: NodeJS.Timeout | undefined
  #users = 0
  /** When the loop was seen going on. */
  #seen = 0
  /** When the latest stall began, or the first of several in a row, and when it ended. */
  #began = Number.POSITIVE_INFINITY
  #ended = Number.NEGATIVE_INFINITY

  /** Looks, from now on until as many have asked it to stop. */
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
    // Sockets may be read before the timer is, so whoever asks looks as well.
    if (now - this.#seen > LATE) {
      if (this.#seen - this.#ended > AFTERMATH) this.#began = this.#seen
      this.#ended = now
    }
    this.#seen = now
  }
}
