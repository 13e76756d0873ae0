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
  readonly #limiter: RateLimiter
  readonly #stalls: Pick<EventLoopStalls, 'began'>
  #refused = 0
  #lastRefusal = Number.NEGATIVE_INFINITY
  /** When the relay began not to read the sender, and when it went on. */
  #delayed = Number.POSITIVE_INFINITY
  #resumed = Number.NEGATIVE_INFINITY

  constructor(limit: number, window: number, stalls: Pick<EventLoopStalls, 'began'>) {
    this.#limiter = new RateLimiter(limit, window)
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
