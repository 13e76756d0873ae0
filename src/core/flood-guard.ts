import { AFTERMATH, type EventLoopStalls } from './event-loop-stalls.js'
import { RateLimiter } from './rate-limiter.js'

/** After how many windows' worth of refusals a sender counts as flooding. */
const FLOOD_WINDOWS = 10

/** Shorter delays are usual in a busy relay; in milliseconds. */
const MIN_DELAY = 100

/**
 * Refuses what is over the limit, and tells when somebody keeps sending it all the same. Messages that waited while
 * the relay stood still, or did not read their sender, are judged as if they had been read when they came.
 */
export class FloodGuard {
  readonly #limiter: LenientRateLimiter
  readonly #stalls: Pick<EventLoopStalls, 'began'>
  #refused = 0
  #lastRefusal = Number.NEGATIVE_INFINITY
  /** When the relay began not to read the sender, and when it went on. */
  #delayed = Number.POSITIVE_INFINITY
  #resumed = Number.NEGATIVE_INFINITY

  constructor(limit: number, window: number, stalls: Pick<EventLoopStalls, 'began'>) {
    this.#limiter = new LenientRateLimiter(limit, window)
    this.#stalls = stalls
  }

  /** The relay did not read the sender for so many milliseconds until `now`. */
  delayed(milliseconds: number, now: number): void {
    if (milliseconds < MIN_DELAY) return
    const began = now - milliseconds
    if (began - this.#resumed > AFTERMATH) this.#delayed = began
    this.#resumed = now
  }

  /** What to do with a message that came at `now`, in milliseconds of a steady clock. */
  judge(now: number): 'pass' | 'refuse' | 'flood' {
    if (this.#limiter.admit(now) || this.#limiter.forgive(now, this.#late(now))) return 'pass'
    // A whole window without a refusal clears the record.
    if (now - this.#lastRefusal > 2 * this.#limiter.window) this.#refused = 0
    this.#lastRefusal = now
    return ++this.#refused > FLOOD_WINDOWS * this.#limiter.limit ? 'flood' : 'refuse'
  }

  /** When the relay began to be late with what is read at `now`. */
  #late(now: number): number {
    const own = now - this.#resumed > AFTERMATH ? Number.POSITIVE_INFINITY : this.#delayed
    return Math.min(own, this.#stalls.began(now))
  }
}

/** Lets pass what may have waited for the relay. A class of its own, since most connections have a {@link RateLimiter} alone. */
class LenientRateLimiter extends RateLimiter {
  /** Units beyond the limit that {@link LenientRateLimiter.forgive} let pass in this window. */
  #forgiven = 0
  /** The window before this one: when it started, and what it had room for. */
  #priorStart = Number.NEGATIVE_INFINITY
  #priorUsed = 0

  /**
   * Takes a unit beyond the limit, if it may have waited for the relay. From the window before the delay on, no more
   * passes than one window's worth and that of the time since.
   *
   * @param late When the relay began to be late; `Infinity` if it was not.
   */
  forgive(now: number, late: number): boolean {
    // A window that began before the delay has counted all that came in it.
    if (this.start <= late) return false
    const open = this.#priorStart + this.window > late
    const units = this.used + this.#forgiven + (open ? this.#priorUsed : 0)
    const since = open ? this.#priorStart : late
    if (units + 1 > this.limit * (1 + (now - since) / this.window)) return false
    this.#forgiven++
    return true
  }

  protected override roll(now: number): void {
    const { start, used } = this
    super.roll(now)
    if (this.start === start) return
    this.#priorStart = start
    this.#priorUsed = used
    this.#forgiven = 0
  }
}
