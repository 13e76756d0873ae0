import { totalmem } from 'node:os'
import { performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import { LoopDelay } from './loop-delay.js'

/**
 * Of prom-client's metrics, those that go through all open sockets at each scrape: 10 of 15 ms with
 * 10,000 connections (docs/metrics.md).
 */
const COSTLY = /^(nodejs_active_|process_open_fds$)/

/** prom-client's own watch of the event loop, which looks a hundred times a second: {@link LoopDelay} replaces it. */
const REPLACED = /^nodejs_eventloop_lag_.+_seconds$/
const NEVER = 2 ** 31 - 1

/** How finely the event loop is watched, in milliseconds. */
const LOOP_RESOLUTION = 100

let metrics: readonly Metric[] | undefined

/**
 * The metrics of this process, the same for all relays in it. From the first call on the event loop and garbage
 * collections are watched, for good.
 */
export function processMetrics(): readonly Metric[] {
  metrics ??= createMetrics()
  return metrics
}

function createMetrics(): Metric[] {
  const registry = new Registry()
  const registers = [registry]
  new Counter({
    name: 'baton_event_loop_active_seconds_total',
    help: 'Time in which the event loop was busy; its rate is the utilisation, from 0 to 1.',
    registers,
    collect() {
      this.reset()
      this.inc(performance.eventLoopUtilization().active / 1000)
    },
  })
  new Gauge({
    name: 'baton_memory_limit_bytes',
    help: "Memory that the process may use: the container's limit, else the machine's memory.",
    registers,
  }).set(Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY))
  new Gauge({
    name: 'baton_heap_limit_bytes',
    help: 'Size beyond which V8 ends the process for want of heap, as --max-old-space-size sets it.',
    registers,
  }).set(getHeapStatistics().heap_size_limit)
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER })
  addCpuBefore(registry)
  const names = registry.getMetricsAsArray().map(({ name }) => name)
  const kept = names.filter((name) => !COSTLY.test(name) && !REPLACED.test(name))
  return [...kept.flatMap((name) => registry.getSingleMetric(name) ?? []), ...loopDelayMetrics()]
}

/** prom-client counts CPU time from its own start: adds what the process had used before. */
function addCpuBefore(registry: Registry): void {
  const { user, system } = process.cpuUsage()
  const before = { user_: user, system_: system, '': user + system }
  for (const [which, microseconds] of Object.entries(before)) {
    const metric = registry.getSingleMetric(`process_cpu_${which}seconds_total`)
    if (metric instanceof Counter) metric.inc(microseconds / 1e6)
  }
}

/** Under prom-client's names, which dashboards know; but the lag alone, without the time between two looks. */
function loopDelayMetrics(): Metric[] {
  const watch = new LoopDelay(LOOP_RESOLUTION)
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `nodejs_eventloop_lag_${name}_seconds`, help, registers: [] })
  const gauges = {
    min: gauge('min', 'The shortest lag of the event loop since the last scrape.'),
    max: gauge('max', 'The longest lag of the event loop since the last scrape.'),
    mean: gauge('mean', 'The mean lag of the event loop since the last scrape.'),
    stddev: gauge('stddev', 'The standard deviation of the lag since the last scrape.'),
    p50: gauge('p50', 'The lag that half of the looks at the event loop since the last scrape did not pass.'),
    p90: gauge('p90', 'The lag that 90 % of the looks at the event loop since the last scrape did not pass.'),
    p99: gauge('p99', 'The lag that 99 % of the looks at the event loop since the last scrape did not pass.'),
  }
  const names = Object.keys(gauges) as (keyof typeof gauges)[]
  // Reading resets them, so the first metric that is asked reads for all.
  const read = (): void => {
    const delays = watch.take()
    for (const name of names) gauges[name].set(delays[name] / 1000)
  }
  Object.assign(gauges.min, { collect: read })
  return Object.values(gauges)
}
