import type { Backplane, BackplaneEvents, Outage } from './backplane.js'
import {
  connectRedis,
  type RedisConnection,
  type RedisConnector,
  redisClusterConnector,
  within,
} from './redis-client.js'

/** Channels are subscribed in groups: a command for each costs five times as much. */
const GROUP = 512

/** Before a lost connection is made again, in milliseconds: doubled each time, up to the second. */
const RETRY = [50, 1000] as const

/** What may be under way to Redis, in bytes. More is not sent: it would be late, and memory is bounded. */
const MAX_UNDER_WAY = 64 * 2 ** 20

/** How long a close of the connection may take, in milliseconds. */
const STOP_TIMEOUT = 1000

/** How long Redis may take to answer to what was published, in milliseconds; at most twice that. */
const ANSWER = 6000

/** How Redis is reached. */
export interface RedisOptions {
  /** `redis://` or `rediss://`, with user, password and database if need be. */
  readonly url: string
  /** Whether it is a Redis Cluster, used with sharded channels. */
  readonly cluster: boolean
}

/** A channel: what is wanted of it, and what the connection in use has of it. */
interface Channel {
  wanted: boolean
  subscribed: boolean
  /** A command about it is under way. Another one waits for that: the library mixes them up. */
  busy: boolean
  /** Those who wait for Redis to confirm. */
  readonly waiting: (() => void)[]
}

/**
 * Redis, Valkey, or a cluster of them, by publish and subscribe alone: nothing is kept there. Each
 * connection is used from its making to its loss: what it had under way then is lost, and never sent
 * again.
 */
export class RedisBackplane implements Backplane {
  readonly #url: string
  readonly #connector: RedisConnector
  readonly #channels = new Map<string, Channel>()
  readonly #answers = new Answers()
  #events: BackplaneEvents | undefined
  /** The connection in use; undefined while there is none. */
  #connection: RedisConnection | undefined
  /** Whether it has all channels. */
  #ready = false
  #underWay = 0
  #failures = 0
  #retry: NodeJS.Timeout | undefined
  #watch: NodeJS.Timeout | undefined
  /** Changes with each start and stop: what an earlier run began is dropped when it is done. */
  #run = 0

  constructor({ url, cluster }: RedisOptions) {
    this.#url = url
    this.#connector = cluster ? redisClusterConnector() : connectRedis
  }

  start(events: BackplaneEvents): void {
    this.#events = events
    this.#run++
    this.#watch = setInterval(() => {
      if (this.#answers.overdue() && this.#connection) this.#lost(this.#connection, new Error('No answer'))
    }, ANSWER).unref()
    void this.#connect()
  }

  async publish(channel: string, frame: Buffer): Promise<number | undefined> {
    const connection = this.#connection
    if (!connection || !this.#ready || this.#underWay + frame.length > MAX_UNDER_WAY) return undefined
    const subscribed = this.#isSubscribed(channel)
    this.#underWay += frame.length
    const answered = this.#answers.expect()
    try {
      const { receivers, exact } = await connection.publish(channel, frame)
      // Where it listens itself, somebody does.
      if (receivers === 0 && subscribed && this.#isSubscribed(channel))
        this.#lost(connection, new Error('Subscription lost'))
      return exact ? receivers : undefined
    } catch {
      return undefined
    } finally {
      this.#underWay -= frame.length
      answered()
    }
  }

  async subscribe(channel: string): Promise<void> {
    const known = this.#channels.get(channel) ?? { wanted: true, subscribed: false, busy: false, waiting: [] }
    this.#channels.set(channel, known)
    known.wanted = true
    if (this.#ready && this.#isSubscribed(channel)) return
    const confirmed = new Promise<void>((resolve) => {
      known.waiting.push(resolve)
    })
    this.#alignSoon(channel)
    await confirmed
  }

  unsubscribe(channel: string): void {
    const known = this.#channels.get(channel)
    if (!known) return
    known.wanted = false
    known.waiting.length = 0
    if (!known.subscribed && !known.busy) this.#channels.delete(channel)
    this.#alignSoon(channel)
  }

  reset(): void {
    if (this.#connection) this.#lost(this.#connection, new Error('Nothing comes back'))
  }

  async stop(): Promise<void> {
    this.#run++
    this.#ready = false
    clearTimeout(this.#retry)
    clearInterval(this.#watch)
    const connection = this.#connection
    this.#connection = undefined
    if (!connection) return
    await within(STOP_TIMEOUT, this.#answers.all())
    await connection.close(STOP_TIMEOUT)
  }

  /** Makes a connection, and tells of it once all channels are subscribed. */
  async #connect(): Promise<void> {
    const run = this.#run
    let connection: RedisConnection | undefined
    let fault: unknown
    try {
      connection = await this.#connector(this.#url, {
        message: (channel, frame) => this.#receive(connection, channel, frame),
        lost: (error) => {
          fault ??= error
          this.#lost(connection, error)
        },
      })
      if (run !== this.#run) {
        connection.destroy()
        return
      }
      this.#adopt(connection)
      await this.#align(connection, this.#channels.keys())
      if (connection === this.#connection) this.#goReady()
    } catch (error) {
      if (run !== this.#run) return
      if (connection) this.#lost(connection, fault ?? error)
      else this.#failed(fault ?? error)
    }
  }

  /** A connection is there that has no channels yet. */
  #adopt(connection: RedisConnection): void {
    this.#connection = connection
    for (const [name, channel] of this.#channels) {
      channel.subscribed = channel.busy = false
      if (!channel.wanted) this.#channels.delete(name)
    }
  }

  #goReady(): void {
    this.#ready = true
    this.#failures = 0
    for (const channel of this.#channels.values()) if (channel.subscribed) confirm(channel)
    this.#events?.up()
  }

  #receive(connection: RedisConnection | undefined, name: string, frame: Buffer): void {
    if (connection !== this.#connection || !this.#ready) return
    if (this.#channels.get(name)?.wanted) this.#events?.message(name, frame)
  }

  #isSubscribed(name: string): boolean {
    const { wanted, subscribed, busy } = this.#channels.get(name) ?? {}
    return wanted === true && subscribed === true && busy === false
  }

  #alignSoon(name: string): void {
    const connection = this.#connection
    if (!connection) return
    this.#align(connection, [name]).catch((error: unknown) => this.#lost(connection, error))
  }

  /** Has Redis subscribe and unsubscribe until it has what is wanted of these channels. */
  async #align(connection: RedisConnection, names: Iterable<string>): Promise<void> {
    const subscribe: string[] = []
    const commands: Promise<void>[] = []
    for (const name of names) {
      const channel = this.#channels.get(name)
      if (!channel || channel.busy || channel.wanted === channel.subscribed) continue
      channel.busy = true
      if (channel.wanted) subscribe.push(name)
      else commands.push(this.#command(connection, [name], connection.unsubscribe(name)))
    }
    for (let at = 0; at < subscribe.length; at += GROUP) {
      const group = subscribe.slice(at, at + GROUP)
      commands.push(this.#command(connection, group, connection.subscribe(group)))
    }
    await Promise.all(commands)
  }

  /** Notes that a command is done, and goes on with what is wanted by now. */
  async #command(connection: RedisConnection, names: readonly string[], done: Promise<void>): Promise<void> {
    await done
    if (connection !== this.#connection) return
    for (const name of names) {
      const channel = this.#channels.get(name)
      if (!channel) continue
      channel.busy = false
      channel.subscribed = !channel.subscribed
      if (channel.subscribed && channel.wanted && this.#ready) confirm(channel)
      if (!channel.subscribed && !channel.wanted) this.#channels.delete(name)
    }
    await this.#align(connection, names)
  }

  /** A connection is of no use any more. */
  #lost(connection: RedisConnection | undefined, error: unknown): void {
    if (!connection || connection !== this.#connection) return
    this.#connection = undefined
    connection.destroy()
    this.#failed(error)
  }

  #failed(error: unknown): void {
    this.#ready = false
    this.#answers.forget()
    const [first, most] = RETRY
    const delay = Math.min(most, first * 2 ** this.#failures++)
    this.#events?.down(outageOf(error), reasonOf(error))
    this.#retry = setTimeout(() => void this.#connect(), delay * (0.5 + Math.random()))
  }
}

function confirm(channel: Channel): void {
  for (const resolve of channel.waiting.splice(0)) resolve()
}

/** Answers that are outstanding: finds those that take too long, without a clock for each. */
class Answers {
  /** How many are outstanding of what was asked since the last look, and before. */
  #recent = { open: 0 }
  #older = { open: 0 }
  #idle: (() => void) | undefined

  /** Something was asked. Returns what to call when the answer is there. */
  expect(): () => void {
    const mine = this.#recent
    mine.open++
    return () => {
      mine.open--
      if (this.#recent.open + this.#older.open === 0) this.#idle?.()
    }
  }

  /** Whether something that was asked before the last call is still outstanding. */
  overdue(): boolean {
    const overdue = this.#older.open > 0
    this.#older = overdue ? this.#older : this.#recent
    if (!overdue) this.#recent = { open: 0 }
    return overdue
  }

  /** Nobody waits for them any more. */
  forget(): void {
    this.#recent = { open: 0 }
    this.#older = { open: 0 }
  }

  /** Resolves when all are there. */
  async all(): Promise<void> {
    if (this.#recent.open + this.#older.open === 0) return
    await new Promise<void>((resolve) => {
      this.#idle = resolve
    })
  }
}

/** What the system or Redis itself says when it is down, or not ready yet, for everyone. */
const REFUSED = /ECONNREFUSED|^LOADING|^MASTERDOWN|^CLUSTERDOWN/

/** What it says to those who may not. */
const DENIED = /^(WRONGPASS|NOAUTH|NOPERM)/

function outageOf(error: unknown): Outage {
  const reason = reasonOf(error)
  if (REFUSED.test(reason)) return 'refused'
  return DENIED.test(reason) ? 'denied' : 'silent'
}

/** In words; a host that has several addresses fails once for each of them. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}
