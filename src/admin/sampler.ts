import { getHeapStatistics } from 'node:v8'
import type { RelayContext } from '../core/context.js'
import { LoopDelay } from '../observability/loop-delay.js'
import type { Sample } from './updates.js'

/** Reads the relay's counters, and makes rates of them since it read them last. */
export class Sampler {
  readonly #context: RelayContext
  readonly #delay: LoopDelay
  #last: Totals

  /** @param resolution How finely the event loop's delay is watched, in milliseconds. */
  constructor(context: RelayContext, resolution: number) {
    this.#context = context
    this.#delay = new LoopDelay(resolution)
    this.#last = this.#read()
  }

  /** The state now, and the rates since the last sample. */
  take(): Sample {
    const last = this.#last
    const now = this.#read()
    this.#last = now
    const rate = (total: Exclude<keyof Totals, 'time'>): number =>
      Math.round(((now[total] - last[total]) * 10_000) / Math.max(1, now.time - last.time)) / 10
    const { counters, rooms } = this.#context
    return {
      connections: counters.connections - counters.disconnections,
      rooms: rooms.size,
      messagesIn: rate('messagesIn'),
      messagesOut: rate('messagesOut'),
      bytesIn: rate('bytesIn'),
      bytesOut: rate('bytesOut'),
      memory: residentMemory(),
      heap: getHeapStatistics().used_heap_size,
      lag: Math.round(this.#delay.take().max * 10) / 10,
    }
  }

  /** Stops watching the event loop. */
  stop(): void {
    this.#delay.stop()
  }

  #read(): Totals {
    const { messagesReceived, deliveries, bytesReceived, bytesSent } = this.#context.counters
    return {
      time: performance.now(),
      messagesIn: messagesReceived,
      messagesOut: deliveries,
      bytesIn: bytesReceived,
      bytesOut: bytesSent,
    }
  }
}

interface Totals {
  readonly time: number
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Unknown when the process has no file descriptor left to read it with. */
function residentMemory(): number | null {
  try {
    return process.memoryUsage.rss()
  } catch {
    return null
  }
}
