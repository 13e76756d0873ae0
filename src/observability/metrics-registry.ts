import { Counter, Gauge, type Histogram, type Metric, Registry } from 'prom-client'

/** A count or a level, read when somebody asks. */
type Read = () => number

/** Several of them, by the value of a label. The values must be few, whatever clients do. */
type ReadEach = () => Iterable<readonly [value: string, number: number]>

/** Where a metric is read: one number, or several by the values of a label. */
type Source = [read: Read] | [read: ReadEach, label: string]

/** A histogram that is counted elsewhere. */
export interface Buckets {
  /** The upper bounds, and how many values lie between each and the one before; the last needs no bound. */
  readonly bounds: readonly number[]
  readonly buckets: readonly number[]
  /** All values together. */
  readonly sum: number
}

/**
 * Metrics in Prometheus' text format. Each is read when it is asked for, and costs nothing before.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export class MetricsRegistry {
  readonly #registry = new Registry()
  #included: (() => Iterable<Metric>) | undefined

  /** What the text is, for HTTP. */
  get type(): string {
    return this.#registry.contentType
  }

  /** All metrics as they are now. */
  async text(): Promise<string> {
    for (const metric of this.#included?.() ?? []) this.#registry.registerMetric(metric)
    this.#included = undefined
    return await this.#registry.metrics()
  }

  /** Adds metrics that are kept elsewhere. They are made at the first scrape. */
  include(metrics: () => Iterable<Metric>): this {
    this.#included = metrics
    return this
  }

  /** Adds something that only grows; its name ends in `_total`. With a label it is several, told apart by its values. */
  counter(name: string, help: string, ...source: Source): this {
    new Counter({
      name,
      help,
      labelNames: labelsOf(source),
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [labels, number] of readAll(source)) this.inc(labels, number)
      },
    })
    return this
  }

  /** Adds something that goes up and down. With a label it is several, told apart by its values. */
  gauge(name: string, help: string, ...source: Source): this {
    new Gauge({
      name,
      help,
      labelNames: labelsOf(source),
      registers: [this.#registry],
      collect() {
        for (const [labels, number] of readAll(source)) this.set(labels, number)
      },
    })
    return this
  }

  /** Adds a histogram. */
  histogram(name: string, help: string, read: () => Buckets): this {
    const get = async (): Promise<object> => ({ name, help, type: 'histogram', values: samples(name, read()) })
    // prom-client's own can only observe one value at a time, and its registry asks no more of a metric than this.
    this.#registry.registerMetric({ name, help, get } as unknown as Histogram)
    return this
  }

  /** Adds what is the same as long as the process lives, in its labels. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): this {
    new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] }).set(labels, 1)
    return this
  }
}

function labelsOf([, label]: Source): string[] {
  return label === undefined ? [] : [label]
}

function* readAll(source: Source): Iterable<[labels: Record<string, string>, number: number]> {
  if (source.length === 1) yield [{}, source[0]()]
  else for (const [value, number] of source[0]()) yield [{ [source[1]]: value }, number]
}

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A histogram's buckets count all values up to their bound, not only those above the bound before. */
function samples(name: string, { bounds, buckets, sum }: Buckets): Sample[] {
  let count = 0
  const cumulative = buckets.map((inside, place) => {
    const le = String(bounds[place] ?? '+Inf')
    return { metricName: `${name}_bucket`, labels: { le }, value: (count += inside) }
  })
  return [
    ...cumulative,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ]
}
