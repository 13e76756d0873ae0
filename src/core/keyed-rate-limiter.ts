import { Generations } from './generations.js'
import { RateLimiter } from './rate-limiter.js'

/**
 * A {@link RateLimiter} for each of any number of names, such as addresses. A name that was not used for a
 * whole window is forgotten once it has no debt, so an idle relay remembers none. If there are too many names, some are
 * forgotten early. A client with so many names gains nothing from that: it could use a new name each time.
 */
export class KeyedRateLimiter {
  readonly #limit: number
  readonly #window: number
  readonly #limiters: Generations<RateLimiter>

  /**
   * @param limit Units a window for each name; 0 means no limit.
   * @param window In milliseconds. Times given to this class must be those of `performance.now()`, which it reads itself
   *   to see who still has a debt.
   */
  constructor(limit: number, window: number, maxNames = 50_000) {
    this.#limit = limit
    this.#window = window
    this.#limiters = new Generations(window, maxNames, (limiter) => limiter.wait(performance.now()) > 0)
  }

  /** Whether there is a limit. If not, nobody needs to find out a name. */
  get limited(): boolean {
    return this.#limit > 0
  }

  /** How many names are remembered. */
  get size(): number {
    return this.#limiters.size
  }

  /**
   * Takes a unit for `name`, if it still has one.
   *
   * @returns Milliseconds until it has another; 0 if it had one.
   */
  take(name: string, now: number): number {
    if (this.#limit === 0) return 0
    const limiter = this.#limiter(name)
    return limiter.admit(now) ? 0 : limiter.rest(now)
  }

  /** Takes `units` for `name` in any case. */
  charge(name: string, units: number, now: number): void {
    if (this.#limit > 0) this.#limiter(name).charge(units, now)
  }

  /** Milliseconds until what was taken for `name` is within its limit; 0 if it is. */
  wait(name: string, now: number): number {
    return (this.#limiters.young(name) ?? this.#limiters.old(name))?.wait(now) ?? 0
  }

  /** Forgets all names. */
  clear(): void {
    this.#limiters.clear()
  }

  #limiter(name: string): RateLimiter {
    const young = this.#limiters.young(name)
    if (young) return young
    const limiter = this.#limiters.old(name) ?? new RateLimiter(this.#limit, this.#window)
    this.#limiters.deleteOld(name)
    this.#limiters.set(name, limiter)
    return limiter
  }
}
