import { totalmem } from 'node:os'
import { performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'

/**
 * Of prom-client's metrics, those that go through all open sockets at each scrape: 10 of 15 ms with
 * 10,000 connections (docs/metrics.md).
 */
const COSTLY = /^(nodejs_active_|process_open_fds$)/

let metrics: readonly Metric[] | undefined

/** The metrics of this process, the same for all relays in it: what prom-client watches, it watches for good. */
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
  collectDefaultMetrics({ register: registry })
  const names = registry.getMetricsAsArray().map(({ name }) => name)
  return names.filter((name) => !COSTLY.test(name)).flatMap((name) => registry.getSingleMetric(name) ?? [])
}
