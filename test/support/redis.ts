import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@redis/client'
import { onTestFinished, type TestOptions } from 'vitest'
import { spawnBound } from './child.js'
import { describeWith } from './needs.js'

const path = process.env['REDIS_SERVER'] ?? '/usr/bin/redis-server'

/** Describes what needs Redis. */
export function describeWithRedis(what: string, tests: () => void, options: TestOptions = {}): void {
  describeWith(`redis-server at ${path}`, existsSync(path), what, tests, options)
}

/** A port that nobody uses. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** How often a port may be taken between its choice and its use. */
const ATTEMPTS = 10

/** A server that keeps nothing, in a process of its own, which may be ended and started again. */
export class RedisServer {
  readonly port: number
  readonly #args: readonly string[]
  readonly #folder = mkdtempSync(join(tmpdir(), 'baton-redis-'))
  #process: ChildProcess | undefined

  private constructor(port: number, args: readonly string[]) {
    this.port = port
    this.#args = args
  }

  /** Starts one that lives until it is stopped. */
  static async run(args: readonly string[] = []): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer(await freePort(), args)
      try {
        await server.begin()
        return server
      } catch (error) {
        if (attempt === ATTEMPTS) throw error
      }
    }
  }

  /** Starts one for one test. */
  static async start(args: readonly string[] = [], finished = onTestFinished): Promise<RedisServer> {
    const server = await RedisServer.run(args)
    finished(() => server.stop())
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts it, again if it was ended. */
  async begin(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const child = spawnBound(path, [...args, '--dir', this.#folder, ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#process = child
    const log: string[] = []
    const { stdout } = child
    if (!stdout) throw new Error('redis-server has no output')
    for await (const line of createInterface({ input: stdout })) {
      log.push(line)
      if (line.includes('Ready to accept connections')) {
        stdout.resume()
        return
      }
    }
    throw new Error(`redis-server has not started:\n${log.join('\n')}`)
  }

  /** Ends it at once, with all that it knows. */
  async kill(): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** A URL for a user. */
  urlFor(user: string, password: string, database = ''): string {
    return `redis://${user}:${password}@127.0.0.1:${this.port}${database}`
  }

  /** Asks it something. */
  async command(...args: string[]): Promise<unknown> {
    return (await this.commands([args])).at(-1)
  }

  /** Asks it several things, one after the other. */
  async commands(all: readonly string[][]): Promise<unknown[]> {
    const client = createClient({ url: this.url, disableClientInfo: true })
    client.on('error', () => {})
    await client.connect()
    try {
      return await Promise.all(all.map((args) => client.sendCommand(args)))
    } finally {
      client.destroy()
    }
  }
}

const SLOTS = 16_384

/** A Redis Cluster of three masters. */
export class RedisCluster {
  readonly masters: readonly RedisServer[]

  private constructor(masters: readonly RedisServer[]) {
    this.masters = masters
  }

  /** Starts one that lives until it is stopped. */
  static async run(): Promise<RedisCluster> {
    const buses = [await freePort(), await freePort(), await freePort()]
    const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-announce-ip', '127.0.0.1']
    const masters = await Promise.all(buses.map((bus) => RedisServer.run([...args, '--cluster-port', String(bus)])))
    const cluster = new RedisCluster(masters)
    await cluster.#meet(buses)
    return cluster
  }

  /** Of the first master, which knows the others. */
  get url(): string {
    return this.masters[0]?.url ?? ''
  }

  async stop(): Promise<void> {
    await Promise.all(this.masters.map((master) => master.stop()))
  }

  /** Waits until all masters agree that all is well. */
  async healthy(masters = this.masters): Promise<void> {
    for (const master of masters) {
      while (!String(await master.command('CLUSTER', 'INFO')).includes('cluster_state:ok')) await sleep(20)
    }
  }

  /** Gives the slots of one master to another one: that one need not live any more. */
  async move(from: RedisServer, to: RedisServer): Promise<void> {
    const range = this.#slots(this.masters.indexOf(from))
    // Not to be changed back by what the others still say.
    await to.commands([
      ['MULTI'],
      ['CLUSTER', 'DELSLOTSRANGE', ...range],
      ['CLUSTER', 'ADDSLOTSRANGE', ...range],
      ['CLUSTER', 'BUMPEPOCH'],
      ['EXEC'],
    ])
  }

  /** Gives each master its share of the slots, and introduces them to each other. */
  async #meet(buses: readonly number[]): Promise<void> {
    const [first] = this.masters
    for (const [i, master] of this.masters.entries()) {
      await master.command('CLUSTER', 'ADDSLOTSRANGE', ...this.#slots(i))
      if (master !== first) await first?.command('CLUSTER', 'MEET', '127.0.0.1', String(master.port), String(buses[i]))
    }
    await this.healthy()
  }

  /** The first and the last slot of a master in the beginning. */
  #slots(i: number): [string, string] {
    const [from = 0, to = 0] = [i, i + 1].map((part) => Math.floor((part * SLOTS) / this.masters.length))
    return [String(from), String(to - 1)]
  }
}
