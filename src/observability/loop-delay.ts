import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * Watches how late the event loop is, until it is stopped. It always sees delays longer than the resolution, and
 * shorter ones only if a look falls into them.
 */
export class LoopDelay {
  readonly #resolution: number
  readonly #histogram: IntervalHistogram

  /** @param resolution Time between two looks, in milliseconds. 10 ms cost a quarter of a per cent of a core. */
  constructor(resolution: number) {
    this.#resolution = resolution
    this.#histogram = monitorEventLoopDelay({ resolution })
    this.#histogram.enable()
  }

  /** The delays since the last call, in milliseconds. */
  take(): Record<'min' | 'max' | 'mean' | 'stddev' | 'p50' | 'p90' | 'p99', number> {
    const { count, min, max, mean, stddev } = this.#histogram
    // What is measured is the time from one look to the next.
    const late = (nanoseconds: number): number => (count === 0 ? 0 : Math.max(0, nanoseconds / 1e6 - this.#resolution))
    const percentile = (percent: number): number => late(this.#histogram.percentile(percent))
    const delays = {
      min: late(min),
      max: late(max),
      mean: late(mean),
      stddev: count === 0 ? 0 : stddev / 1e6,
      p50: percentile(50),
      p90: percentile(90),
      p99: percentile(99),
    }
    this.#histogram.reset()
    return delays
  }

  stop(): void {
    this.#histogram.disable()
  }
}
