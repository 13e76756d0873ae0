import type { Transport } from '../../../src/core/transport.js'
import { decodeFrames } from '../../support/frames.js'
import { Inbox } from '../../support/inbox.js'
import type { SimulatedNode } from './world.js'

export type DialectName = 'impossible-writer' | 'pluresdb'

/** How late a message may come: what a machine slept may be added, up to the fence. */
const LATE = 1000
const FENCE = 11_000

/** A client that checks what it sees. */
export class SimulatedClient {
  readonly number: number
  readonly dialect: DialectName
  readonly room: string
  /** The name under which others know it; given by the relay in `impossible-writer`. */
  id: string
  readonly node: SimulatedNode
  /** Shared with other clients: their joins and leaves cannot be told apart. */
  readonly shared: boolean
  /** When it connected, was welcomed, and was closed. */
  readonly connected: number
  welcomed: number | undefined
  closed: number | undefined
  /** The code with which it was closed. */
  code: number | undefined
  /** Who is in, as far as it was told: ids in `pluresdb`. */
  readonly view = new Set<string>()
  /** How many are in, as far as it was told, itself among them. */
  count = 0
  /** The numbers of the messages that it got, by their authors. */
  readonly heard = new Map<number, number[]>()
  sent = 0
  readonly faults: string[] = []
  readonly #inbox = new Inbox()
  /** When it was told of the joins of others, by their ids. */
  readonly joins = new Map<string, number[]>()
  /** How many were in when it was welcomed, itself among them. */
  welcomeCount = 0

  constructor(number: number, dialect: DialectName, room: string, node: SimulatedNode, sharedId: string | undefined) {
    this.number = number
    this.dialect = dialect
    this.room = room
    this.node = node
    this.shared = sharedId !== undefined
    this.id = sharedId ?? `peer${number}`
    this.connected = node.world.time.now
    const transport: Transport = {
      address: '',
      network: '',
      measure: () => ({ received: 0, sent: 0, backlog: 0 }),
      write: (frames) => {
        for (const { payload } of decodeFrames(frames)) this.#see(JSON.parse(payload.toString()))
      },
      close: ({ code }) => this.#end(code),
      hold: () => this.#inbox.hold(),
      release: () => this.#inbox.release(),
      pause() {},
    }
    const path = dialect === 'pluresdb' ? '/pluresdb' : `/room/${room}`
    this.session = node.open(transport, `c${number}`, path)
    this.#inbox.serve(this.session)
    if (dialect === 'pluresdb') {
      // It has its view from the list that follows the join; it sees no message of its own.
      this.receive({ type: 'join', topic: room, peerId: this.id })
      this.count = 1
    } else this.id = `c${number}`
  }

  readonly session: ReturnType<SimulatedNode['open']>

  /** Whether it counts as a member. */
  get present(): boolean {
    return this.closed === undefined && !this.node.dead
  }

  receive(message: object): void {
    this.#inbox.send(JSON.stringify(message))
  }

  /** Says the next number. */
  say(): void {
    const body = { c: this.number, n: ++this.sent, at: this.node.world.time.now }
    this.receive(this.dialect === 'pluresdb' ? { type: 'data', data: body } : { type: 'content', body })
  }

  /** Its socket breaks. */
  drop(): void {
    if (this.closed !== undefined) return
    this.#end(1006)
    this.session.end(1006)
  }

  #end(code: number): void {
    this.closed ??= this.node.world.time.now
    this.code ??= code
  }

  #fault(text: string): void {
    this.faults.push(`client ${this.number} at ${this.node.world.time.now.toFixed(1)}: ${text}`)
  }

  #see(message: Record<string, unknown>): void {
    if (this.closed !== undefined) return
    const { type } = message
    if (type === 'connected') this.#welcome(message)
    else if (type === 'user-joined' || type === 'user-left') this.#counted(message)
    else if (type === 'peer-joined' || type === 'peer-left') this.#noticed(message)
    else if (type === 'content' || type === 'data') this.#heard(message)
    else if (type !== 'room-expired') this.#fault(`unexpected ${JSON.stringify(message)}`)
  }

  #welcome({ userCount }: Record<string, unknown>): void {
    if (this.welcomed !== undefined) this.#fault('welcomed twice')
    this.welcomed = this.node.world.time.now
    this.count = this.welcomeCount = Number(userCount)
  }

  #counted({ type, connectionId, userCount }: Record<string, unknown>): void {
    if (this.welcomed === undefined) this.#fault(`${type} before the welcome`)
    this.count += type === 'user-joined' ? 1 : -1
    if (this.count !== userCount) {
      this.#fault(`${type} of ${connectionId}: ${userCount} members, expected ${this.count}`)
      this.count = Number(userCount)
    }
    this.#alternates(String(connectionId), type === 'user-joined')
  }

  #noticed({ type, peerId }: Record<string, unknown>): void {
    const id = String(peerId)
    const joined = type === 'peer-joined'
    if (joined === this.view.has(id)) this.#fault(`${type} of ${id} twice`)
    if (id === this.id && !this.shared) this.#fault(`${type} of itself`)
    if (joined) this.view.add(id)
    else this.view.delete(id)
    this.count = this.view.size + 1
    this.#alternates(id, joined)
  }

  /** A join and a leave of the same member are announced once each. */
  #alternates(id: string, joined: boolean): void {
    if (!joined || id.startsWith('shared')) return
    const times = this.joins.get(id) ?? []
    this.joins.set(id, times)
    if (times.push(this.node.world.time.now) > 1) this.#fault(`${id} joined ${times.length} times`)
  }

  #heard({ data, body, peerId, connectionId }: Record<string, unknown>): void {
    const { c, n, at } = (data ?? body) as { c: number; n: number; at: number }
    const from = String(peerId ?? connectionId)
    if (this.dialect === 'pluresdb' && !this.view.has(from) && from !== this.id)
      this.#fault(`message of ${from}, who is not in`)
    if (this.dialect === 'impossible-writer' && this.welcomed === undefined) this.#fault('message before the welcome')
    const numbers = this.heard.get(c) ?? []
    this.heard.set(c, numbers)
    const last = numbers.at(-1) ?? 0
    if (n <= last) this.#fault(`message ${n} of ${from} after ${last}`)
    numbers.push(n)
    const { world } = this.node
    const late = world.time.now - at
    // What its own machine slept over is nobody's fault.
    const mate = world.clients[c]?.node === this.node
    if (!mate && late > (world.sleepers ? FENCE : LATE))
      this.#fault(`message ${n} of ${from} came ${late.toFixed(0)} ms late`)
  }
}
