/**
 * Counts units in fixed windows. A window starts with the first unit after the last one ended, so a
 * sender that stays below the limit never waits, and one that keeps sending gets exactly `limit`
 * units a window. What was taken beyond the limit is a debt on the windows that follow.
 */
export class RateLimiter {
  readonly limit: number
  readonly window: number
  protected start = Number.NEGATIVE_INFINITY
  protected used = 0

  /**
   * @param limit Units a window; 0 means no limit.
   * @param window In milliseconds.
   */
  constructor(limit: number, window: number) {
    this.limit = limit
    this.window = window
  }

  /** Takes a unit if the window still has one. */
  admit(now: number): boolean {
    if (this.limit === 0) return true
    this.roll(now)
    if (this.used >= this.limit) return false
    this.used++
    return true
  }

  /**
   * Takes `units` in any case.
   *
   * @returns Milliseconds until the sender is within its limit again; 0 if it is, or if the last charge
   *   has told so already: a burst of thousands costs as many windows, and no more is to be said.
   */
  charge(units: number, now: number): number {
    if (this.limit === 0) return 0
    this.roll(now)
    const told = this.#debt()
    this.used += units
    const debt = this.#debt()
    return debt > told ? this.start + debt * this.window - now : 0
  }

  /** Milliseconds until what was taken is within the limit; 0 if it is. */
  wait(now: number): number {
    if (this.limit === 0) return 0
    this.roll(now)
    const debt = this.#debt()
    return debt > 0 ? this.start + debt * this.window - now : 0
  }

  /** Milliseconds until the window ends that is open at `now`. */
  rest(now: number): number {
    return Math.max(0, this.start + this.window - now)
  }

  /** Windows until what was taken is within the limit; 0 if it is. */
  #debt(): number {
    return this.used > this.limit ? Math.floor(this.used / this.limit) : 0
  }

  protected roll(now: number): void {
    const windows = Math.floor((now - this.start) / this.window)
    if (windows < 1) return
    this.used = Math.max(0, this.used - windows * this.limit)
    this.start = this.used === 0 ? now : this.start + windows * this.window
  }
}
