import { getHeapStatistics } from 'node:v8'
import type { Totals } from '../cluster/messages.js'
import type { ClusterState } from '../cluster/observer.js'
import type { RelayContext } from '../core/context.js'
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
  /** Open rooms of all dialects. */
  currentRooms: number
  /** Open connections of all dialects. */
  currentConnections: number
  /** Rooms of the `pluresdb` dialect. */
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
   * `degraded` is still well enough to serve: HTTP 200. `starting` cannot serve yet, for want of a certificate, and
   * `draining` is on its way out: HTTP 503.
   */
  status: 'healthy' | 'degraded' | 'starting' | 'draining'
  /** What is wrong, a sentence each; only while degraded or starting. */
  reasons?: string[]
  /** Seconds. */
  uptime: number
  /** ISO 8601. */
  timestamp: string
  rooms: number
  connections: number
  topics: number
  peers: number
  memory: { heapUsed: string; heapTotal: string }
  /** How many messages of a room are kept for newcomers; absent where none are. */
  history?: { messages: number }
  /** All nodes together, as of their last beats (2 s); absent where there is one node. */
  cluster?: { nodes: number; rooms: number; connections: number; topics: number; peers: number }
}

const MEGABYTE = 2 ** 20

/** Reads the state of a relay for those who ask. */
export class StatusReport {
  readonly #hub: RelayContext
  readonly #startTime = Date.now()
  readonly #started = performance.now()
  readonly #healthChecks: (() => string | undefined)[] = []
  #starting = (): boolean => false
  readonly #cluster: (() => ClusterState) | undefined

  /** @param cluster Tells of all nodes together, where there are several. */
  constructor(hub: RelayContext, cluster?: () => ClusterState) {
    this.#hub = hub
    this.#cluster = cluster
  }

  /** @param starting Asked at each look: whether the relay cannot serve anybody yet. */
  awaits(starting: () => boolean): void {
    this.#starting = starting
  }

  /**
   * Has `GET /health` tell of something that may go wrong while the relay serves on.
   *
   * @param ailment Asked at each look: what is wrong in one sentence, or undefined while all is well. Everybody may
   *   read it.
   */
  addHealthCheck(ailment: () => string | undefined): void {
    this.#healthChecks.push(ailment)
  }

  stats(): Stats {
    const { counters, rooms } = this.#hub
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
      currentRooms: rooms.size,
      currentConnections: counters.connections - counters.disconnections,
      ...this.#topics(),
      uptime,
      uptimeFormatted: formatUptime(uptime),
    }
  }

  health(draining: boolean): Health {
    const { counters, rooms, limits } = this.#hub
    const { history } = limits
    // Not process.memoryUsage(), which throws when the process has no file descriptor left.
    const { used_heap_size, total_heap_size } = getHeapStatistics()
    const reasons = draining ? [] : this.#healthChecks.flatMap((ailment) => ailment() ?? [])
    return {
      status: draining ? 'draining' : this.#starting() ? 'starting' : reasons.length > 0 ? 'degraded' : 'healthy',
      ...(reasons.length > 0 && { reasons }),
      uptime: this.#uptime(),
      timestamp: new Date().toISOString(),
      rooms: rooms.size,
      connections: counters.connections - counters.disconnections,
      ...this.#topics(),
      memory: { heapUsed: megabytes(used_heap_size), heapTotal: megabytes(total_heap_size) },
      ...(history > 0 && { history: { messages: history } }),
      ...(this.#cluster && { cluster: this.#cluster() }),
    }
  }

  /** What this node tells the others. */
  totals(): Totals {
    const { counters, rooms } = this.#hub
    return { connections: counters.connections - counters.disconnections, rooms: rooms.size, ...this.#topics() }
  }

  #uptime(): number {
    return Math.floor((performance.now() - this.#started) / 1000)
  }

  #topics(): { topics: number; peers: number } {
    const { rooms, members } = this.#hub.counters.dialect('pluresdb')
    return { topics: rooms, peers: members }
  }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MEGABYTE)}MB`
}
