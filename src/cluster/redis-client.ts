/** Connections to Redis by `@redis/client`, which is loaded only when it is used. */

import type { RedisClientOptions } from '@redis/client'
import { assertInstalled, loadOptional } from '../options/optional-package.js'

/** One connection, from its first command to its loss. */
export interface RedisConnection {
  /** Resolves with the number of receivers, and whether those are all. Rejects if the frame may not have arrived. */
  publish(channel: string, frame: Buffer): Promise<{ receivers: number; exact: boolean }>
  /** Resolves when Redis has confirmed. */
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channel: string): Promise<void>
  /** Sends what is under way and goes, within so many milliseconds. */
  close(timeout: number): Promise<void>
  /** Goes at once. */
  destroy(): void
}

/** What a connection tells. */
interface RedisListener {
  message(channel: string, frame: Buffer): void
  /** It is of no use any more. May be said several times. */
  lost(error: Error): void
}

/** Makes a connection; rejects if it cannot. */
export type RedisConnector = (url: string, listener: RedisListener) => Promise<RedisConnection>

/** How long a connection, and then each command before it is sent, may take, in milliseconds. */
const CONNECT_TIMEOUT = 3000
const COMMAND_TIMEOUT = 5000

/** How often a connection is asked for a sign of life, and how long nothing may move on it, in milliseconds. */
const PING = 2000
const SILENCE = 8000

/**
 * What a socket may have unsent before the library waits for it, in bytes. It waits for the next turn of the event loop,
 * in which the relay may read megabytes from each client: with Node's 16 KiB one message a turn would cross.
 */
const SOCKET = { highWaterMark: 4 * 2 ** 20 }

/** What is lost is lost: no queue while offline, nothing sent again, no connection made behind our back. */
const SETTINGS = {
  RESP: 3,
  disableOfflineQueue: true,
  commandOptions: { timeout: COMMAND_TIMEOUT },
  // Every command has to be allowed to the user: none is used that can be done without.
  disableClientInfo: true,
  maintNotifications: 'disabled',
  pingInterval: PING,
  socket: { connectTimeout: CONNECT_TIMEOUT, socketTimeout: SILENCE, reconnectStrategy: false, ...SOCKET },
} as const satisfies RedisClientOptions

/**
 * Loads the library.
 *
 * @throws {OptionsError} If it is not installed.
 */
export function loadRedis(): Promise<typeof import('@redis/client')> {
  return loadOptional('redisUrl', '@redis/client', () => import('@redis/client'))
}

/** @throws {OptionsError} If the package is not installed. */
export function assertRedis(): void {
  assertInstalled('redisUrl', '@redis/client')
}

/** Connects to a single Redis: one connection for both directions, which RESP 3 allows. */
export const connectRedis: RedisConnector = async (url, listener) => {
  const { createClient } = await loadRedis()
  const client = createClient({ ...SETTINGS, url })
  client.on('error', (error: Error) => listener.lost(error))
  const receive = (frame: Buffer, channel: Buffer): void => listener.message(channel.toString(), frame)
  const connection: RedisConnection = {
    publish: async (channel, frame) => ({ receivers: await client.publish(channel, frame), exact: true }),
    subscribe: (channels) => client.subscribe([...channels], receive, true),
    unsubscribe: (channel) => client.unsubscribe(channel),
    close: (timeout) => within(timeout, client.close(), () => client.destroy()),
    destroy: () => client.destroy(),
  }
  await connected(client)
  return connection
}

/** Rooms are spread over so many slots: channels of one slot share commands, and slots spread over masters. */
const PARTITIONS = 256

/** Makes connections to a Redis Cluster by sharded publish and subscribe: each frame passes one master, and no other. */
export function redisClusterConnector(): RedisConnector {
  // Those of the last connection. They know what became of the one that the URL names, should it be gone.
  let masters: { host: string; port: number }[] = []
  return async (url, listener) => {
    const { createCluster } = await loadRedis()
    const { username, password, protocol } = new URL(url)
    const client = createCluster({
      rootNodes: [{ url }, ...masters.map((socket) => ({ socket }))],
      defaults: {
        ...SETTINGS,
        username: decodeURIComponent(username),
        password: decodeURIComponent(password),
        socket: { ...SETTINGS.socket, ...(protocol === 'rediss:' && { tls: true }) },
      },
    })
    for (const event of ['error', 'node-error', 'sharded-channel-moved-error']) {
      client.on(event, (error: Error) => listener.lost(error))
    }
    const receive = (frame: Buffer, channel: Buffer): void => {
      const name = channel.toString()
      listener.message(name.slice(name.indexOf('}') + 1), frame)
    }
    const connection: RedisConnection = {
      // It counts the subscribers of one node of Redis, which replicas may share with it.
      publish: async (channel, frame) => ({ receivers: await client.sPublish(sharded(channel), frame), exact: false }),
      async subscribe(channels) {
        await Promise.all(byPartition(channels).map((group) => client.sSubscribe(group, receive, true)))
      },
      unsubscribe: (channel) => client.sUnsubscribe(sharded(channel)),
      close: (timeout) => within(timeout, client.close(), () => client.destroy()),
      destroy: () => client.destroy(),
    }
    await connected(client)
    masters = client.masters.map(({ host, port }) => ({ host, port }))
    return connection
  }
}

/** Connects; a client that cannot is not left with half of its connections. */
async function connected(client: { connect(): Promise<unknown>; destroy(): void }): Promise<void> {
  try {
    await client.connect()
  } catch (error) {
    try {
      client.destroy()
    } catch {
      // It says so if there is nothing to destroy.
    }
    throw error
  }
}

/** The channel as the cluster knows it: the part in braces decides which slot it has. */
function sharded(channel: string): string {
  let hash = 0
  for (let i = 0; i < channel.length; i++) hash = (Math.imul(hash, 31) + channel.charCodeAt(i)) >>> 0
  return `{p${hash % PARTITIONS}}${channel}`
}

/** One command may name channels of one slot only. */
function byPartition(channels: readonly string[]): string[][] {
  const groups = new Map<string, string[]>()
  for (const channel of channels.map(sharded)) {
    const partition = channel.slice(0, channel.indexOf('}'))
    const group = groups.get(partition) ?? []
    groups.set(partition, group)
    group.push(channel)
  }
  return [...groups.values()]
}

/** Waits for an end, however it comes, for so many milliseconds; then brings it about. */
export async function within(timeout: number, ending: Promise<unknown>, end = (): void => {}): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeout)
  }).then(end)
  await Promise.race([ending.catch(() => {}), late])
  clearTimeout(timer)
}
