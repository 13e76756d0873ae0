/**
 * Counts units in fixed windows. A window starts with the first unit after the last one ended, so a
 * sender that stays below the limit never waits, and one that keeps sending gets exactly `limit`
 * units a window. What was taken beyond the limit is a debt on the windows that follow.
 */
export class Meter {
  readonly limit: number
  readonly window: number
  #start = Number.NEGATIVE_INFINITY
  #used = 0

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
    this.#roll(now)
    if (this.#used >= this.limit) return false
    this.#used++
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
    this.#roll(now)
    const told = this.#debt()
    this.#used += units
    const debt = this.#debt()
    return debt > told ? this.#start + debt * this.window - now : 0
  }

  /** Milliseconds until the window ends that is open at `now`. */
  rest(now: number): number {
    return Math.max(0, this.#start + this.window - now)
  }

  /** Windows until what was taken is within the limit; 0 if it is. */
  #debt(): number {
    return this.#used > this.limit ? Math.floor(this.#used / this.limit) : 0
  }

  #roll(now: number): void {
    const windows = Math.floor((now - this.#start) / this.window)
    if (windows < 1) return
    this.#used = Math.max(0, this.#used - windows * this.limit)
    this.#start = this.#used === 0 ? now : this.#start + windows * this.window
  }
}

/** After how many windows' worth of refusals a sender counts as flooding. */
const FLOOD_WINDOWS = 10

/** Refuses what is over the limit, and tells when somebody keeps sending it all the same. */
export class Gate {
  readonly #meter: Meter
  #refused = 0
  #lastRefusal = Number.NEGATIVE_INFINITY

  constructor(limit: number, window: number) {
    this.#meter = new Meter(limit, window)
  }

  /** What to do with a message that came at `now`, in milliseconds of a steady clock. */
  judge(now: number): 'pass' | 'refuse' | 'flood' {
    if (this.#meter.admit(now)) return 'pass'
    // A whole window without a refusal clears the record.
    if (now - this.#lastRefusal > 2 * this.#meter.window) this.#refused = 0
    this.#lastRefusal = now
    return ++this.#refused > FLOOD_WINDOWS * this.#meter.limit ? 'flood' : 'refuse'
  }
}

/** Counts what is there under each name, up to a limit. A name that has nothing is forgotten. */
export class Quota {
  readonly #limit: number
  readonly #counts = new Map<string, number>()

  /** @param limit For each name; 0 means no limit, and nothing is counted. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** How many names have something. */
  get size(): number {
    return this.#counts.size
  }

  /** Counts one more; false if the name has all that it may. */
  take(name: string): boolean {
    if (this.#limit === 0) return true
    const count = this.#counts.get(name) ?? 0
    if (count >= this.#limit) return false
    this.#counts.set(name, count + 1)
    return true
  }

  /** Gives one back that was taken. */
  release(name: string): void {
    const count = this.#counts.get(name) ?? 0
    if (count > 1) this.#counts.set(name, count - 1)
    else this.#counts.delete(name)
  }
}
