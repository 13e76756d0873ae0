import fc from 'fast-check'
import { expect } from 'vitest'

/** A connection to a relay: what it sends, and the texts that it has seen so far. */
export interface Wire {
  /** The id that the relay gave it. */
  readonly id: string
  readonly seen: string[]
  receive(message: object | string): void
  /** Breaks it, and waits until the relay knows. */
  drop(): Promise<void>
}

export const ROOMS = ['red', 'blue', 'green', 'gold']
const PEERS = ['ann', 'ben']

/** What a client sees, reduced to what the model knows. */
interface Line {
  text: string
  topic?: string
  from?: number
}

/** A client, and what the model knows of it. */
export interface Actor {
  number: number
  wire: Wire
  dialect: string
  /** Rooms it is in, by name; in `pluresdb` with the id under which it is there. */
  rooms: Map<string, string>
  expected: Line[]
  gone: boolean
}

/**
 * Clients of all dialects in a few rooms, and a model of the relay, without batches, frames or sockets,
 * that says what each of them has to see.
 */
export class World {
  readonly actors: Actor[] = []
  readonly #connect: (path: string) => Promise<Wire>
  #messages = 0

  /** @param connect Opens a connection to the relay that is compared with the model. */
  constructor(connect: (path: string) => Promise<Wire>) {
    this.#connect = connect
  }

  async open(dialect: string, room: string): Promise<void> {
    const path = { 'impossible-writer': `/room/${room}`, opaque: `/raw/${room}` }[dialect] ?? `/${dialect}`
    const actor: Actor = {
      number: this.actors.length,
      wire: await this.#connect(path),
      dialect,
      rooms: new Map(),
      expected: [],
      gone: false,
    }
    this.actors.push(actor)
    if (dialect === 'impossible-writer' || dialect === 'opaque') this.#enter(actor, room, actor.wire.id)
  }

  /** `pluresdb` moves, `y-webrtc` subscribes; the others have their room for life. */
  join(actor: Actor, room: string, peerId: string): void {
    if (actor.dialect === 'y-webrtc') {
      actor.wire.receive({ type: 'subscribe', topics: [room] })
      if (!actor.rooms.has(room)) this.#enter(actor, room, actor.wire.id)
    } else if (actor.dialect === 'pluresdb') {
      actor.wire.receive({ type: 'join', topic: room, peerId })
      if (actor.rooms.get(room) === peerId) return
      for (const old of actor.rooms.keys()) this.#exit(actor, old)
      this.#enter(actor, room, peerId)
    }
  }

  unsubscribe(actor: Actor, room: string): void {
    if (actor.dialect !== 'y-webrtc') return
    actor.wire.receive({ type: 'unsubscribe', topics: [room] })
    if (actor.rooms.has(room)) this.#exit(actor, room)
  }

  send(actor: Actor, room: string): void {
    const n = this.#messages++
    const { dialect, number: from, wire } = actor
    if (dialect === 'y-webrtc') {
      wire.receive({ type: 'publish', topic: room, n })
      const clients = this.#members(dialect, room).length
      this.#tell(dialect, room, undefined, { text: `publish ${n} to ${clients}`, topic: room, from })
      return
    }
    const [mine] = actor.rooms
    if (dialect === 'pluresdb') wire.receive({ type: 'data', data: n })
    else if (dialect === 'opaque') wire.receive(`opaque ${n}`)
    else wire.receive({ type: 'content', n })
    if (!mine) actor.expected.push({ text: 'error' })
    else if (dialect === 'pluresdb') this.#tell(dialect, mine[0], actor, { text: `data ${n} of ${mine[1]}`, from })
    else if (dialect === 'opaque') this.#tell(dialect, mine[0], actor, { text: `opaque ${n}`, from })
    else this.#tell(dialect, mine[0], actor, { text: `content ${n} of ${mine[1]}`, from })
  }

  /** Something that is answered to its sender alone. */
  ask(actor: Actor): void {
    if (actor.dialect === 'opaque') return
    actor.wire.receive(actor.dialect === 'y-webrtc' ? { type: 'ping' } : 'not json')
    actor.expected.push({ text: actor.dialect === 'y-webrtc' ? 'pong' : 'error' })
  }

  async close(actor: Actor): Promise<void> {
    actor.gone = true
    await actor.wire.drop()
    for (const room of actor.rooms.keys()) this.#exit(actor, room)
  }

  #enter(actor: Actor, room: string, id: string): void {
    const known = this.#ids(actor.dialect, room)
    actor.rooms.set(room, id)
    const { length } = this.#members(actor.dialect, room)
    if (actor.dialect === 'impossible-writer') {
      actor.expected.push({ text: `connected ${id} ${length}` })
      this.#tell(actor.dialect, room, actor, { text: `user-joined ${id} ${length}` })
    } else if (actor.dialect === 'pluresdb') {
      for (const other of known) if (other !== id) actor.expected.push({ text: `peer-joined ${other}` })
      if (!known.has(id)) this.#tell(actor.dialect, room, actor, { text: `peer-joined ${id}` })
    }
  }

  #exit(actor: Actor, room: string): void {
    const id = actor.rooms.get(room) ?? ''
    actor.rooms.delete(room)
    const { dialect } = actor
    if (dialect === 'impossible-writer') {
      this.#tell(dialect, room, undefined, { text: `user-left ${id} ${this.#members(dialect, room).length}` })
    } else if (dialect === 'pluresdb' && !this.#ids(dialect, room).has(id)) {
      this.#tell(dialect, room, undefined, { text: `peer-left ${id}` })
    }
  }

  #members(dialect: string, room: string): Actor[] {
    return this.actors.filter((actor) => actor.dialect === dialect && actor.rooms.has(room))
  }

  #ids(dialect: string, room: string): Set<string> {
    return new Set(this.#members(dialect, room).map(({ rooms }) => rooms.get(room) ?? ''))
  }

  #tell(dialect: string, room: string, except: Actor | undefined, line: Line): void {
    for (const member of this.#members(dialect, room)) if (member !== except) member.expected.push(line)
  }
}

/** Reduces a message to the model's words. */
function reduce(text: string): string {
  if (text.startsWith('opaque')) return text
  const m = JSON.parse(text) as Record<string, unknown>
  switch (m['type']) {
    case 'connected':
    case 'user-joined':
    case 'user-left':
      return `${m['type']} ${m['connectionId']} ${m['userCount']}`
    case 'peer-joined':
    case 'peer-left':
      return `${m['type']} ${m['peerId']}`
    case 'content':
      return `content ${m['n']} of ${m['connectionId']}`
    case 'data':
      return `data ${m['data']} of ${m['peerId']}`
    case 'publish':
      return `publish ${m['n']} to ${m['clients']}`
    default:
      return String(m['type'])
  }
}

/** What a client saw and what it had to see, in the model's words. */
export function linesOf({ wire, expected }: Actor): { seen: string[]; expected: string[] } {
  return { seen: wire.seen.map(reduce), expected: expected.map(({ text }) => text) }
}

/** Compares what a client saw with what it had to see. */
export function check({ dialect, wire, expected }: Actor): void {
  const seen = wire.seen.map(reduce)
  const texts = expected.map(({ text }) => text)
  if (dialect !== 'y-webrtc') {
    expect(seen).toEqual(texts)
    return
  }
  // With several rooms on one connection, order holds within a room, and for each sender over all rooms.
  expect([...seen].sort()).toEqual([...texts].sort())
  const inOrder = (which: (line: Line) => boolean): void => {
    const wanted = expected.filter(which).map(({ text }) => text)
    expect(seen.filter((text) => wanted.includes(text))).toEqual(wanted)
  }
  for (const topic of ROOMS) inOrder((line) => line.topic === topic || line.text === 'pong')
  for (const from of new Set(expected.map((line) => line.from))) inOrder((line) => line.from === from)
}

export const dialects = ['impossible-writer', 'pluresdb', 'y-webrtc', 'opaque']

/** What a client may do next. */
export const step = fc.record({
  verb: fc.oneof(
    { weight: 3, arbitrary: fc.constant('open') },
    { weight: 4, arbitrary: fc.constant('join') },
    { weight: 12, arbitrary: fc.constant('send') },
    { weight: 2, arbitrary: fc.constantFrom('ask', 'unsubscribe', 'close') },
    { weight: 3, arbitrary: fc.constant('turn') },
  ),
  actor: fc.nat(1000),
  dialect: fc.constantFrom(...dialects),
  room: fc.constantFrom(...ROOMS),
  peer: fc.constantFrom(...PEERS),
})

export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Takes a step. The verbs that the model does not know are left to the caller. */
export async function perform(world: World, actor: Actor, { verb, dialect, room, peer }: Step): Promise<void> {
  const verbs: Record<string, () => void | Promise<void>> = {
    open: () => world.open(dialect, room),
    join: () => world.join(actor, room, peer),
    send: () => world.send(actor, room),
    ask: () => world.ask(actor),
    unsubscribe: () => world.unsubscribe(actor, room),
    close: () => world.close(actor),
  }
  await verbs[verb]?.()
}
