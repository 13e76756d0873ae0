import type { ClusterNode } from '../../../src/cluster/node.js'
import type { Limits, RelayContext } from '../../../src/core/context.js'
import { combineObservers } from '../../../src/core/observer.js'
import type { Session } from '../../../src/core/session.js'
import type { Transport } from '../../../src/core/transport.js'
import { totalsOf } from '../../../src/dialects/totals.js'
import type { Code } from '../../support/code.js'
import { Random } from '../../support/random.js'
import { type BusModel, type Line, SimulatedBus } from './bus.js'
import { type DialectName, SimulatedClient } from './client.js'
import { type Host, VirtualTime } from './time.js'

const DIALECTS: readonly DialectName[] = ['impossible-writer', 'pluresdb']
const ROOMS = ['red', 'green', 'blue']
const SHARED = ['shared1', 'shared2']

const limits: Limits = {
  maxRooms: 0,
  maxRoomMembers: 0,
  maxConnectionsPerUser: 0,
  maxTopics: 100,
  rateLimit: 0,
  rateLimitWindow: 1000,
  throttle: 0,
  byteRate: 0,
  joinTimeout: 0,
  roomExpiry: 86_400_000,
  history: 0,
  historyBytes: 0,
  historyTotalBytes: 0,
  historyAge: 0,
}

/** How long a welcome may take, with what it takes to get there, in milliseconds. */
const WELCOME = 260

const noop = (): void => {}

/** What may happen to the nodes and the bus. */
export type Fault = 'kill' | 'stop' | 'hole' | 'cut' | 'sleep' | 'restart'

/** One run: what it is made of. */
export interface Scenario {
  readonly seed: number
  readonly nodes: number
  readonly bus: BusModel
  /** How many clients come a second, over all nodes. */
  readonly arrivals: number
  /** What goes wrong, and how often in a minute. */
  readonly faults: readonly Fault[]
  readonly rate: number
  /** How long clients come and things go wrong, in milliseconds. */
  readonly busy: number
  /** How long it may take after that until all views are right, in milliseconds. */
  readonly settle: number
}

/** A relay on a machine of its own, without sockets. */
export class SimulatedNode implements Host {
  readonly world: World
  readonly skew: number
  asleep = false
  dead = false
  readonly line: Line
  readonly cluster: ClusterNode
  readonly context: RelayContext
  readonly faults: string[] = []

  constructor(world: World) {
    this.world = world
    this.skew = Math.round(world.random.between(-2000, 2000))
    this.line = world.bus.connect(this)
    const failed = (error: unknown): void => {
      this.faults.push(`fault: ${error instanceof Error ? error.stack : String(error)}`)
    }
    const { ClusterNode, RelayContext } = world.code
    const totals = (elsewhere: ReadonlyMap<string, number>) => totalsOf(this.context.counters, elsewhere)
    this.cluster = new ClusterNode(
      this.line,
      { name: 'sim', secret: '', maxFrame: 2 ** 20, roomExpiry: limits.roomExpiry, totals },
      {
        cutOff: noop,
        restored: noop,
        nodeCame: noop,
        nodeLeft: noop,
        fenced: noop,
        refused: (fault) => this.faults.push(`frame refused: ${fault}`),
        failed,
      },
    )
    const observer = combineObservers([
      { refused: (_session, why) => void this.faults.push(`message refused: ${why}`), failed },
    ])
    this.context = new RelayContext(limits, observer, {}, this.cluster)
    world.time.on(this, () => void this.cluster.start())
  }

  open(transport: Transport, id: string, path: string): Session {
    const hello = { path, query: new URLSearchParams(), headers: {} }
    const session = new this.world.code.Session(this.context, transport, id, hello)
    session.open(() => new this.world.code.Dialects().converse(session, hello))
    return session
  }
}

/** Several nodes, a bus, clients that come, talk and go, and what goes wrong; all from one seed. */
export class World {
  readonly code: Code
  readonly scenario: Scenario
  readonly time = new VirtualTime()
  readonly random: Random
  readonly bus: SimulatedBus
  readonly nodes: SimulatedNode[] = []
  readonly clients: SimulatedClient[] = []
  /** Whether machines may sleep, so that messages may be late. */
  readonly sleepers: boolean

  constructor(code: Code, scenario: Scenario) {
    this.code = code
    this.scenario = scenario
    this.random = new Random(scenario.seed)
    this.sleepers = scenario.faults.includes('sleep')
    this.bus = new SimulatedBus(this.time, this.random, scenario.bus)
  }

  /** Plays the scenario. Returns what was wrong. */
  async play(): Promise<string[]> {
    const { busy, settle, nodes } = this.scenario
    this.time.install(this.random)
    try {
      for (let i = 0; i < nodes; i++) this.nodes.push(new SimulatedNode(this))
      await this.time.run(3000)
      this.#arrive()
      this.#talk()
      if (this.scenario.faults.length > 0) this.#goWrong()
      await this.time.run(3000 + busy)
      await this.time.run(3000 + busy + settle)
      return this.#judge()
    } finally {
      this.time.restore()
    }
  }

  get #over(): boolean {
    return this.time.now > 3000 + this.scenario.busy
  }

  get #alive(): SimulatedNode[] {
    return this.nodes.filter(({ dead }) => !dead)
  }

  #arrive(): void {
    if (this.#over) return
    const mean = 1000 / this.scenario.arrivals
    this.time.after(this.random.between(0, 2 * mean), undefined, () => this.#arrive())
    // Now and then two come at once, to different nodes.
    const room = this.random.pick(ROOMS) ?? ''
    const dialect = this.random.pick(DIALECTS) ?? 'pluresdb'
    const several = this.random.chance(0.2) ? 2 : 1
    for (let i = 0; i < several; i++) this.#connect(dialect, room)
  }

  #connect(dialect: DialectName, room: string): void {
    const node = this.random.pick(this.#alive)
    if (!node) return
    const shared = dialect === 'pluresdb' && this.random.chance(0.2) ? this.random.pick(SHARED) : undefined
    const stay = this.random.chance(0.5) ? this.random.between(10, 5000) : this.random.between(5000, 120_000)
    const goes = this.random.chance(0.7)
    this.time.after(0, node, () => {
      const client = new SimulatedClient(this.clients.length, dialect, room, node, shared)
      this.clients.push(client)
      if (goes) this.time.after(stay, node, () => client.drop())
    })
  }

  #talk(): void {
    if (this.#over) return
    this.time.after(this.random.between(0, 100), undefined, () => this.#talk())
    const client = this.random.pick(this.clients.filter(({ present, session }) => present && session))
    if (!client || (client.dialect === 'impossible-writer' && client.welcomed === undefined)) return
    const burst = this.random.chance(0.1) ? 20 : 1
    this.time.after(0, client.node, () => {
      for (let i = 0; i < burst; i++) if (client.present) client.say()
    })
  }

  #goWrong(): void {
    const mean = 60_000 / this.scenario.rate
    this.time.after(this.random.between(0, 2 * mean), undefined, () => {
      if (this.#over) return
      const fault = this.random.pick(this.scenario.faults)
      const node = this.random.pick(this.#alive)
      if (fault && node) this.#strike(fault, node)
      this.#goWrong()
    })
  }

  #strike(fault: Fault, node: SimulatedNode): void {
    const duration = this.random.chance(0.5) ? this.random.between(100, 6000) : this.random.between(6000, 60_000)
    if (fault === 'kill' || fault === 'stop') {
      if (this.#alive.length < 2 || node.asleep) return
      this.#end(node, fault)
      this.time.after(this.random.between(100, 3000), undefined, () => this.nodes.push(new SimulatedNode(this)))
    } else if (fault === 'hole') {
      node.line.hole = true
      this.time.after(duration, undefined, () => {
        node.line.hole = false
      })
    } else if (fault === 'cut') node.line.cut('silent')
    else if (fault === 'restart') this.bus.restart(duration)
    else if (!node.asleep) {
      node.asleep = true
      this.time.after(duration, undefined, () => this.time.wake(node))
    }
  }

  /** A node is killed, or stops as it should: lets its clients go and takes its leave. */
  #end(node: SimulatedNode, how: 'kill' | 'stop'): void {
    const mine = this.clients.filter((client) => client.node === node)
    const die = (): void => {
      node.dead = true
      this.bus.lines.delete(node.line)
      for (const client of mine) client.closed ??= this.time.now
    }
    if (how === 'kill') {
      die()
      return
    }
    this.time.after(0, node, () => {
      for (const client of mine) client.drop()
      this.time.after(20, node, () => void node.cluster.stop().then(die))
    })
  }

  #judge(): string[] {
    const faults = [...this.nodes.flatMap((node) => node.faults), ...this.clients.flatMap((client) => client.faults)]
    for (const client of this.clients.filter(({ present }) => present)) faults.push(...this.#compare(client))
    faults.push(...this.#ages())
    if (this.scenario.faults.length === 0) faults.push(...this.#losses(), ...this.#blind())
    return faults
  }

  /** Who should be seen by a client in the end. */
  #compare(client: SimulatedClient): string[] {
    const mates = this.#mates(client).filter(({ present }) => present)
    const name = `client ${client.number} (${client.dialect}) in the end`
    if (client.dialect === 'impossible-writer') {
      if (client.welcomed === undefined) return [`${name}: never welcomed`]
      return client.count === mates.length + 1 ? [] : [`${name}: sees ${client.count}, there are ${mates.length + 1}`]
    }
    const ids = new Set(mates.map(({ id }) => id))
    ids.delete(client.id)
    const [seen, there] = [[...client.view].sort().join(), [...ids].sort().join()]
    return seen === there ? [] : [`${name}: sees ${seen}, there are ${there}`]
  }

  #mates(client: SimulatedClient): SimulatedClient[] {
    return this.clients.filter(
      (other) => other !== client && other.dialect === client.dialect && other.room === client.room,
    )
  }

  /** All nodes agree on when a room was opened. */
  #ages(): string[] {
    const ages = new Map<string, Set<number>>()
    for (const { context } of this.#alive) {
      for (const { kind, name, created } of context.rooms) {
        if (!kind.expired) continue
        const seen = ages.get(name) ?? new Set()
        ages.set(name, seen.add(created))
      }
    }
    return [...ages]
      .filter(([, seen]) => seen.size > 1)
      .map(([name, seen]) => `${name} was opened at ${[...seen].join()}`)
  }

  /** Without faults, whoever was there for long before and after hears everything. */
  #losses(): string[] {
    return this.clients.flatMap((client) =>
      this.#mates(client).flatMap((other) => {
        const numbers = client.heard.get(other.number) ?? []
        const [first, last] = [numbers[0], numbers.at(-1)]
        if (first === undefined || last === undefined || numbers.length === last - first + 1) return []
        return [
          `client ${client.number} heard ${numbers.length} of messages ${first} to ${last} of client ${other.number}: ${numbers.filter((n, i) => n - 1 !== numbers[i - 1]).slice(0, 3)}`,
        ]
      }),
    )
  }

  /** Without faults, a newcomer is told at once of all who were in a second before. */
  #blind(): string[] {
    return this.clients.flatMap((client) => {
      const told = client.welcomed ?? client.connected + WELCOME
      if (client.closed !== undefined && client.closed < told) return []
      const before = this.#mates(client).filter(
        ({ shared, connected, closed = Number.POSITIVE_INFINITY }) =>
          !(shared && client.dialect === 'pluresdb') && connected < client.connected - 1000 && closed > told,
      )
      const name = `client ${client.number} (${client.dialect}), welcomed at ${told.toFixed(1)},`
      if (client.dialect === 'impossible-writer') {
        const { welcomeCount } = client
        return welcomeCount > before.length ? [] : [`${name} saw ${welcomeCount} of ${before.length + 1}`]
      }
      const missing = before.filter(({ id }) => id !== client.id && (client.joins.get(id)?.[0] ?? told + 1) > told)
      return missing.map(({ id }) => `${name} did not see ${id}`)
    })
  }
}
