import { getHeapStatistics } from 'node:v8'
import type { ClusterState } from '../cluster/observer.js'
import type { RelayContext } from '../core/context.js'
import type { Totals } from '../core/counters.js'
import { formatUptime } from '../options/units.js'

/** What `GET /stats` and `relay.stats()` say. */
export interface Stats {
  /** Messages handed on to a room since the start. */
  messagesRelayed: number
  /** Messages that came from clients, those that were refused among them. */
  messagesReceived: number
  /** Their bytes. */
  bytesReceived: number
  /** Bytes of the frames sent, one time for each recipient. */
  bytesSent: number
  connectionsTotal: number
  disconnectionsTotal: number
  /** Messages refused for `rateLimit`. */
  rateLimitsHit: number
  /** Milliseconds since 1970. */
  startTime: number
  /** Open rooms of all dialects on this node. */
  currentRooms: number
  /** Open connections of all dialects to this node. */
  currentConnections: number
  /** Rooms of the `pluresdb` dialect on this node. */
  topics: number
  /** Connections to this node in them. */
  peers: number
  /** Seconds. */
  uptime: number
  /** Such as `1d 2h 5m`. */
  uptimeFormatted: string
}

/** What `GET /health` says. */
export interface Health {
  /**
   * HTTP 200: `healthy`; and `degraded`, if the relay works but `reasons` says what is wrong. HTTP 503: `starting`, if
   * there is no certificate yet; and `draining`, if the relay is stopping.
   */
  status: 'healthy' | 'degraded' | 'starting' | 'draining'
  /** What is wrong, a sentence each; only while degraded or starting. */
  reasons?: string[]
  /** Seconds. */
  uptime: number
  /** ISO 8601. */
  timestamp: string
  /** Open rooms of all dialects on this node. */
  rooms: number
  /** Open connections of all dialects to this node. */
  connections: number
  /** Rooms of the `pluresdb` dialect on this node. */
  topics: number
  /** Connections to this node in them. */
  peers: number
  /** The heap of V8, in megabytes, such as `12MB`. */
  memory: { heapUsed: string; heapTotal: string }
  /** How many messages of a room are kept for new members; absent if none are. */
  history?: { messages: number }
  /** All nodes together, as of their last beats (2 s); absent where there is one node. */
  cluster?: { nodes: number; rooms: number; connections: number; topics: number; peers: number }
}

const MEGABYTE = 2 ** 20

/** What a report needs beside the relay's own counters. */
interface StatusSources {
  /** All nodes together, where there are several. */
  readonly cluster?: { readonly state: ClusterState } | undefined
  /** Whether the relay is stopping. */
  draining?(): boolean
  /** Whether it cannot serve anybody yet. */
  starting?(): boolean
  /**
   * Each says in one sentence what is wrong while the relay serves on; undefined if all is well. Everybody may read it.
   */
  readonly healthChecks?: readonly (() => string | undefined)[]
}

/** Makes the reports of a relay's state. */
export class StatusReport {
  readonly #context: RelayContext
  readonly #totals: () => Totals
  readonly #sources: StatusSources
  readonly #startTime = Date.now()
  readonly #started = performance.now()

  /** @param totals What is open on this node. */
  constructor(context: RelayContext, totals: () => Totals, sources: StatusSources = {}) {
    this.#context = context
    this.#totals = totals
    this.#sources = sources
  }

  stats(): Stats {
    const { counters } = this.#context
    const { connections, rooms, topics, peers } = this.#totals()
    const uptime = this.#uptime()
    return {
      messagesRelayed: counters.messagesRelayed,
      messagesReceived: counters.messagesReceived,
      bytesReceived: counters.bytesReceived,
      bytesSent: counters.bytesSent,
      connectionsTotal: counters.connections,
      disconnectionsTotal: counters.disconnections,
      rateLimitsHit: counters.rateLimitsHit,
      startTime: this.#startTime,
      currentRooms: rooms,
      currentConnections: connections,
      topics,
      peers,
      uptime,
      uptimeFormatted: formatUptime(uptime),
    }
  }

  health(): Health {
    const { connections, rooms, topics, peers } = this.#totals()
    const { cluster, draining, starting, healthChecks = [] } = this.#sources
    const { history } = this.#context.limits
    const isDraining = draining?.() ?? false
    // Not process.memoryUsage(), which throws when the process has no file descriptor left.
    const { used_heap_size, total_heap_size } = getHeapStatistics()
    const reasons = isDraining ? [] : healthChecks.flatMap((check) => check() ?? [])
    return {
      status: isDraining ? 'draining' : starting?.() ? 'starting' : reasons.length > 0 ? 'degraded' : 'healthy',
      ...(reasons.length > 0 && { reasons }),
      uptime: this.#uptime(),
      timestamp: new Date().toISOString(),
      rooms,
      connections,
      topics,
      peers,
      memory: { heapUsed: megabytes(used_heap_size), heapTotal: megabytes(total_heap_size) },
      ...(history > 0 && { history: { messages: history } }),
      ...(cluster && { cluster: cluster.state }),
    }
  }

  #uptime(): number {
    return Math.floor((performance.now() - this.#started) / 1000)
  }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MEGABYTE)}MB`
}
