/** Measures deadlines. */
export interface Clock {
  /** In milliseconds. */
  now(): number
  /** The longest timer to set before this clock is read again, in milliseconds. */
  readonly longest: number
}

/** Node clamps longer timers to 1 ms: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER = 2 ** 31 - 1

const SECOND = 1000
const MINUTE = 60 * SECOND

/** For durations: nobody can set it, and it stands still while the machine is suspended. */
export const steadyClock: Clock = { now: () => performance.now(), longest: LONGEST_TIMER }

/** For dates. It may be set, and leaps ahead when the machine was suspended, which no timer notices. */
export const wallClock: Clock = { now: () => Date.now(), longest: MINUTE }

/**
 * For ages: the steady clock, plus the time by which the wall clock has leapt ahead of it, since things grow older while
 * the machine is suspended. When the wall clock is set back, nothing grows younger.
 */
export class AgeClock implements Clock {
  readonly longest = MINUTE
  #lead = Date.now() - performance.now()
  #suspended = 0

  now(): number {
    const steady = performance.now()
    const lead = Date.now() - steady
    // The two clocks drift a little: that is no leap.
    if (Math.abs(lead - this.#lead) > SECOND) {
      this.#suspended += Math.max(0, lead - this.#lead)
      this.#lead = lead
    }
    return steady + this.#suspended
  }
}

export const ageClock: Clock = new AgeClock()
