import { Meter } from './limits.js'

/**
 * A {@link Meter} for each of any number of names, such as addresses. Names that have been quiet for a
 * whole window are forgotten, so nothing is left when nobody comes; and however many come at once, there
 * are never more than `2 * maxNames`: then the oldest half is forgotten early, which gives no more to
 * whoever can come under so many names as that.
 */
export class Meters {
  readonly #limit: number
  readonly #window: number
  readonly #maxNames: number
  /** Used in this window, and not since the last. */
  #young = new Map<string, Meter>()
  #old = new Map<string, Meter>()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param limit Units a window for each name; 0 means no limit.
   * @param window In milliseconds.
   */
  constructor(limit: number, window: number, maxNames = 50_000) {
    this.#limit = limit
    this.#window = window
    this.#maxNames = maxNames
  }

  /** How many names are remembered. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  /**
   * Takes a unit for `name`, if it still has one.
   *
   * @returns Milliseconds until it has another; 0 if it had one.
   */
  take(name: string, now: number): number {
    if (this.#limit === 0) return 0
    const meter = this.#meter(name)
    return meter.admit(now) ? 0 : meter.rest(now)
  }

  /** Takes `units` for `name` in any case. */
  charge(name: string, units: number, now: number): void {
    if (this.#limit > 0) this.#meter(name).charge(units, now)
  }

  /** Milliseconds until what was taken for `name` is within its limit; 0 if it is. */
  wait(name: string, now: number): number {
    return (this.#young.get(name) ?? this.#old.get(name))?.wait(now) ?? 0
  }

  /** Forgets all names. */
  clear(): void {
    this.#young.clear()
    this.#old.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #meter(name: string): Meter {
    return this.#young.get(name) ?? this.#recall(name)
  }

  #recall(name: string): Meter {
    if (this.#young.size >= this.#maxNames) this.#age()
    const meter = this.#old.get(name) ?? new Meter(this.#limit, this.#window)
    this.#old.delete(name)
    this.#young.set(name, meter)
    this.#timer ??= this.#wait()
    return meter
  }

  #age(): void {
    this.#old = this.#young
    this.#young = new Map()
  }

  /** What is still old after a window was not used in it, so all its windows have ended. */
  #wait(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#age()
      this.#timer = this.size > 0 ? this.#wait() : undefined
    }, this.#window).unref()
  }
}
