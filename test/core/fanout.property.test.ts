import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Hub } from '../../src/core/hub.js'
import { connect, createHub, turn, type Wire } from '../support/hub.js'

/**
 * Promise 1: at most once, in order, to exactly the members present; never to the sender, another
 * room or another dialect. Random clients of all dialects do random things; a model without batches,
 * frames or sockets says what each of them has to see.
 */

const ROOMS = ['red', 'blue']
const PEERS = ['ann', 'ben']

/** What a client sees, reduced to what the model knows. */
interface Line {
  text: string
  topic?: string
  from?: number
}

interface Actor {
  number: number
  wire: Wire
  dialect: string
  /** Rooms it is in, by name; in `pluresdb` with the id under which it is there. */
  rooms: Map<string, string>
  expected: Line[]
  gone: boolean
}

class World {
  readonly hub: Hub = createHub({ rateLimit: 0, throttle: 0 })
  readonly actors: Actor[] = []
  #messages = 0

  open(dialect: string, room: string): void {
    const path = { 'impossible-writer': `/room/${room}`, opaque: `/raw/${room}` }[dialect] ?? `/${dialect}`
    const actor: Actor = {
      number: this.actors.length,
      wire: connect(this.hub, path),
      dialect,
      rooms: new Map(),
      expected: [],
      gone: false,
    }
    this.actors.push(actor)
    if (dialect === 'impossible-writer' || dialect === 'opaque') this.#enter(actor, room, actor.wire.session.id)
  }

  /** `pluresdb` moves, `y-webrtc` subscribes; the others have their room for life. */
  join(actor: Actor, room: string, peerId: string): void {
    if (actor.dialect === 'y-webrtc') {
      actor.wire.receive({ type: 'subscribe', topics: [room] })
      if (!actor.rooms.has(room)) this.#enter(actor, room, actor.wire.session.id)
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

  close(actor: Actor): void {
    actor.gone = true
    actor.wire.session.end(1006)
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

function check({ dialect, wire, expected }: Actor): void {
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

const dialects = ['impossible-writer', 'pluresdb', 'y-webrtc', 'opaque']

const step = fc.record({
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

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function perform(world: World, { verb, actor: number, dialect, room, peer }: Step): Promise<void> {
  if (verb === 'open') {
    world.open(dialect, room)
    return
  }
  const present = world.actors.filter(({ gone }) => !gone)
  const actor = present[number % present.length]
  // Whoever goes has got what was sent before: what it misses nobody can tell.
  if (verb === 'turn' || verb === 'close') await turn()
  if (!actor || verb === 'turn') return
  const verbs: Record<string, () => void> = {
    join: () => world.join(actor, room, peer),
    send: () => world.send(actor, room),
    ask: () => world.ask(actor),
    unsubscribe: () => world.unsubscribe(actor, room),
    close: () => world.close(actor),
  }
  verbs[verb]?.()
}

/** Opens a client of each dialect in each room, has them live through the steps, and compares what they saw. */
async function live(steps: Step[]): Promise<void> {
  const world = new World()
  for (const dialect of dialects) for (const room of ROOMS) world.open(dialect, room)
  for (const each of steps) await perform(world, each)
  await turn()
  for (const actor of world.actors) check(actor)
  for (const actor of world.actors.filter(({ gone }) => !gone)) world.close(actor)
  await turn()
  expect([...world.hub.rooms]).toEqual([])
  world.hub.stop()
}

describe('promise 1: at most once, in order, to exactly the members present', () => {
  it('holds for random clients of random dialects', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), live), { numRuns: 500 })
  })
})
