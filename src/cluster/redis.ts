import type { Backplane, BackplaneEvents, Outage } from './backplane.js'
import { connectRedis, connectRedisCluster, type RedisConnection } from './redis-client.js'

/** Channels are subscribed in groups: a command for each costs five times as much. */
const GROUP = 512

/** Before a lost connection is made again, in milliseconds: doubled each time, up to the second. */
const RETRY = [50, 1000] as const

/** What may be under way to Redis, in bytes. More is not sent: it would be late, and memory is bounded. */
const MAX_UNDER_WAY = 64 * 2 ** 20

/** How long a goodbye may take, in milliseconds. */
const STOP_TIMEOUT = 1000

/** How Redis is reached. */
export interface RedisOptions {
  /** `redis://` or `rediss://`, with user, password and database if need be. */
  readonly url: string
  /** Whether it is a Redis Cluster, used with sharded channels. */
  readonly cluster: boolean
}

/**
 * Redis, Valkey, or a cluster of them, by publish and subscribe alone: nothing is kept there. Each
 * connection is used from its making to its loss: what it had under way then is lost, and never sent
 * again.
 */
export class RedisBackplane implements Backplane {
  readonly #options: RedisOptions
  /** The channels that are wanted, and who waits for Redis to confirm them. */
  readonly #channels = new Map<string, (() => void)[]>()
  #events: BackplaneEvents | undefined
  /** The connection in use; undefined while there is none. */
  #connection: RedisConnection | undefined
  #underWay = 0
  #failures = 0
  #retry: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: RedisOptions) {
    this.#options = options
  }

  start(events: BackplaneEvents): void {
    this.#events = events
    void this.#connect()
  }

  async publish(channel: string, frame: Buffer): Promise<number | undefined> {
    const connection = this.#connection
    if (!connection || this.#underWay + frame.length > MAX_UNDER_WAY) return undefined
    this.#underWay += frame.length
    try {
      return await connection.publish(channel, frame)
    } catch {
      return undefined
    } finally {
      this.#underWay -= frame.length
    }
  }

  async subscribe(channel: string): Promise<void> {
    const waiting = this.#channels.get(channel) ?? []
    this.#channels.set(channel, waiting)
    const confirmed = new Promise<void>((resolve) => {
      waiting.push(resolve)
    })
    if (this.#connection) void this.#attempt(this.#connection, (connection) => this.#claim(connection, [channel]))
    await confirmed
  }

  unsubscribe(channel: string): void {
    this.#channels.delete(channel)
    if (this.#connection) void this.#attempt(this.#connection, (connection) => connection.unsubscribe(channel))
  }

  reset(): void {
    if (this.#connection) this.#lost(this.#connection, new Error('Nothing comes back'))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#retry)
    const connection = this.#connection
    this.#connection = undefined
    await connection?.close(STOP_TIMEOUT)
  }

  /** Makes a connection, and tells of it once all channels are subscribed. */
  async #connect(): Promise<void> {
    const connect = this.#options.cluster ? connectRedisCluster : connectRedis
    let connection: RedisConnection | undefined
    let fault: unknown
    try {
      connection = await connect(this.#options.url, {
        message: (channel, frame) => {
          if (this.#connection === connection) this.#events?.message(channel, frame)
        },
        lost: (error) => {
          fault ??= error
          this.#lost(connection, error)
        },
      })
      await this.#claim(connection, [...this.#channels.keys()])
      if (fault !== undefined || this.#stopped) throw fault
    } catch (error) {
      connection?.destroy()
      this.#failed(fault ?? error)
      return
    }
    this.#connection = connection
    this.#failures = 0
    this.#events?.up()
    // Those that were wanted meanwhile.
    const late = [...this.#channels].filter(([, waiting]) => waiting.length > 0).map(([channel]) => channel)
    if (late.length > 0) void this.#attempt(connection, (each) => this.#claim(each, late))
  }

  async #claim(connection: RedisConnection, channels: readonly string[]): Promise<void> {
    const groups: string[][] = []
    for (let at = 0; at < channels.length; at += GROUP) groups.push(channels.slice(at, at + GROUP))
    await Promise.all(groups.map((group) => connection.subscribe(group)))
    for (const channel of channels) for (const confirm of this.#channels.get(channel)?.splice(0) ?? []) confirm()
  }

  async #attempt(connection: RedisConnection, act: (connection: RedisConnection) => Promise<void>): Promise<void> {
    try {
      await act(connection)
    } catch (error) {
      this.#lost(connection, error)
    }
  }

  /** The connection in use is of no use any more. */
  #lost(connection: RedisConnection | undefined, error: unknown): void {
    if (!connection || connection !== this.#connection) return
    this.#connection = undefined
    connection.destroy()
    this.#failed(error)
  }

  #failed(error: unknown): void {
    if (this.#stopped) return
    const [first, most] = RETRY
    const delay = Math.min(most, first * 2 ** this.#failures++)
    this.#events?.down(outageOf(error), reasonOf(error))
    this.#retry = setTimeout(() => void this.#connect(), delay * (0.5 + Math.random()))
  }
}

/** What the system or Redis itself says when it is down, or not ready yet, for everyone. */
const REFUSED = /ECONNREFUSED|^LOADING|^MASTERDOWN|^CLUSTERDOWN/

function outageOf(error: unknown): Outage {
  return REFUSED.test(reasonOf(error)) ? 'refused' : 'silent'
}

/** In words; a host that has several addresses fails once for each of them. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}
