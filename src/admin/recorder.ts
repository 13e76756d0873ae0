import type { RelayContext } from '../core/context.js'
import { Sampler } from './sampler.js'
import { type Sample, type Samples, series } from './updates.js'

/** How often a sample is taken, and how many are kept: those of an hour. */
const INTERVAL = 5000
const KEPT = 720

/** Time between two looks at the event loop while no dashboard is open, in milliseconds: it has to cost next to nothing. */
const LOOP_RESOLUTION = 250

/** Keeps the samples of the last hour. */
export class Recorder {
  readonly #sampler: Sampler
  readonly #timer: NodeJS.Timeout
  /** Places are used again from the front when the hour is full. */
  readonly #times = new Float64Array(KEPT)
  readonly #columns = series.map((name) => ({ name, values: new Float64Array(KEPT) }))
  #taken = 0

  constructor(context: RelayContext, interval = INTERVAL) {
    this.#sampler = new Sampler(context, LOOP_RESOLUTION)
    this.#timer = setInterval(() => this.#record(Date.now(), this.#sampler.take()), interval).unref()
  }

  /** When the newest sample was taken, in milliseconds since 1970; 0 if there is none. */
  get latest(): number {
    return this.#taken === 0 ? 0 : (this.#times[(this.#taken - 1) % KEPT] ?? 0)
  }

  /** The samples after a time. All of them if the clock was set back since. */
  since(moment: number): Samples {
    const time = moment > this.latest ? 0 : moment
    const places: number[] = []
    for (let taken = this.#taken - 1; taken >= Math.max(0, this.#taken - KEPT); taken--) {
      if ((this.#times[taken % KEPT] ?? 0) <= time) break
      places.push(taken % KEPT)
    }
    places.reverse()
    const pick = (values: Float64Array) => places.map((place) => values[place] ?? 0)
    const columns = this.#columns.map(({ name, values }) => [name, pick(values).map(known)])
    return { ...(Object.fromEntries(columns) as Record<keyof Sample, (number | null)[]>), time: pick(this.#times) }
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#sampler.stop()
  }

  #record(time: number, sample: Sample): void {
    // The clock was set back: what was recorded before has times in the future.
    if (time < this.latest) this.#taken = 0
    const place = this.#taken++ % KEPT
    this.#times[place] = time
    for (const { name, values } of this.#columns) values[place] = sample[name] ?? Number.NaN
  }
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value
}
