import { AFTERMATH, type Stalls } from './stalls.js'

/**
 * Counts units in fixed windows. A window starts with the first unit after the last one ended, so a
 * sender that stays below the limit never waits, and one that keeps sending gets exactly `limit`
 * units a window. What was taken beyond the limit is a debt on the windows that follow.
 */
export class Meter {
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

/** Lets pass what may have waited for the relay. A class of its own, since most connections have a {@link Meter} alone. */
class LenientMeter extends Meter {
  /** Units beyond the limit that {@link LenientMeter.forgive} let pass in this window. */
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

/** After how many windows' worth of refusals a sender counts as flooding. */
const FLOOD_WINDOWS = 10

/** Shorter delays are usual in a busy relay; in milliseconds. */
const MIN_DELAY = 100

/**
 * Refuses what is over the limit, and tells when somebody keeps sending it all the same. Messages that waited while
 * the relay stood still, or did not read their sender, are judged as if they had been read when they came.
 */
export class Gate {
  readonly #meter: LenientMeter
  readonly #stalls: Pick<Stalls, 'began'>
  #refused = 0
  #lastRefusal = Number.NEGATIVE_INFINITY
  /** When the relay began not to read the sender, and when it went on. */
  #delayed = Number.POSITIVE_INFINITY
  #resumed = Number.NEGATIVE_INFINITY

  constructor(limit: number, window: number, stalls: Pick<Stalls, 'began'>) {
    this.#meter = new LenientMeter(limit, window)
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
    if (this.#meter.admit(now) || this.#meter.forgive(now, this.#late(now))) return 'pass'
    // A whole window without a refusal clears the record.
    if (now - this.#lastRefusal > 2 * this.#meter.window) this.#refused = 0
    this.#lastRefusal = now
    return ++this.#refused > FLOOD_WINDOWS * this.#meter.limit ? 'flood' : 'refuse'
  }

  /** When the relay began to be late with what is read at `now`. */
  #late(now: number): number {
    const own = now - this.#resumed > AFTERMATH ? Number.POSITIVE_INFINITY : this.#delayed
    return Math.min(own, this.#stalls.began(now))
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

  /** Whether a name has taken anything. */
  has(name: string): boolean {
    return this.#counts.has(name)
  }

  /** Gives one back that was taken. */
  release(name: string): void {
    const count = this.#counts.get(name) ?? 0
    if (count > 1) this.#counts.set(name, count - 1)
    else this.#counts.delete(name)
  }
}
