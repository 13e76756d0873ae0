import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { RelayContext } from '../../src/core/context.js'
import { type Code, loadCode, loadMutant, type Mutant } from '../support/code.js'
import { connect, createContext, turn } from '../support/context.js'
import { check, dialects, perform, ROOMS, type Step, step, World } from '../support/model.js'

/** What a relay counts is open, and what a look at all rooms finds. */
function census(context: RelayContext): { counted: object; found: object } {
  const kinds = dialects.map((dialect) => {
    const rooms = [...context.rooms].filter(({ kind }) => kind.name === dialect)
    return [dialect, { rooms: rooms.length, members: rooms.reduce((sum, { count }) => sum + count, 0) }] as const
  })
  const counted = dialects.map((dialect) => [dialect, context.counters.dialect(dialect)] as const)
  return { counted: Object.fromEntries(counted), found: Object.fromEntries(kinds) }
}

/** Opens a client of each dialect in each room, has them live through the steps, and compares what they saw. */
async function live(steps: Step[], code: Code, opened = dialects): Promise<void> {
  const context = createContext({ rateLimit: 0, throttle: 0 }, {}, {}, undefined, code)
  const world = new World(async (path) => {
    const { session, seen, receive } = connect(context, path, code)
    return await Promise.resolve({ id: session.id, seen, receive, drop: async () => session.end(1006) })
  })
  for (const dialect of opened) for (const room of ROOMS) await world.open(dialect, room)
  for (const each of steps) {
    const present = world.actors.filter(({ gone }) => !gone)
    const actor = present[each.actor % present.length]
    // Whoever goes has got what was sent before: what it misses nobody can tell.
    if (each.verb === 'turn' || each.verb === 'close') await turn()
    if (actor) await perform(world, actor, each)
    const { counted, found } = census(context)
    expect(counted).toEqual(found)
  }
  await turn()
  for (const actor of world.actors) check(actor)
  for (const actor of world.actors.filter(({ gone }) => !gone)) await world.close(actor)
  await turn()
  expect([...context.rooms]).toEqual([])
  expect(context.counters.dialect('opaque')).toEqual({ rooms: 0, members: 0 })
  context.stop()
}

describe('a sender that turns from one room to another', () => {
  it('is heard in order by those who are in both, also when it leaves the first in between', async () => {
    const context = createContext()
    const [reader, sender, third] = [
      connect(context, '/y-webrtc'),
      connect(context, '/y-webrtc'),
      connect(context, '/y-webrtc'),
    ]
    for (const { receive } of [reader, sender]) receive({ type: 'subscribe', topics: ['a', 'b'] })
    third.receive({ type: 'publish', topic: 'b', n: 0 })
    sender.receive({ type: 'publish', topic: 'a', n: 1 })
    sender.receive({ type: 'unsubscribe', topics: ['a'] })
    sender.receive({ type: 'publish', topic: 'b', n: 2 })
    await turn()
    const heard = reader.seen.map((text) => (JSON.parse(text) as { n: number }).n)
    expect(heard.indexOf(1)).toBeLessThan(heard.indexOf(2))
    context.stop()
  })
})

/** What a few clients of `y-webrtc` do, which may be in several rooms. */
const turning = fc.array(
  fc.record<Step>({
    verb: fc.oneof(
      { weight: 16, arbitrary: fc.constant('send') },
      { weight: 8, arbitrary: fc.constant('join') },
      { weight: 2, arbitrary: fc.constantFrom('ask', 'unsubscribe') },
      { weight: 2, arbitrary: fc.constant('turn') },
      { weight: 1, arbitrary: fc.constantFrom('open', 'close') },
    ),
    actor: fc.nat(3),
    dialect: fc.constant('y-webrtc'),
    room: fc.constantFrom(...ROOMS),
    peer: fc.constant(''),
  }),
  { minLength: 20, maxLength: 120 },
)

const mutants: readonly Mutant[] = [
  {
    name: 'rooms are flushed each by itself',
    file: 'core/flush-group.ts',
    from: 'FlushGroup.unite(last, room)',
    to: '',
  },
  {
    name: 'a sender is followed only until its room is flushed for the first time',
    file: 'core/flush-group.ts',
    from: 'this.#flushes = room.flushes',
    to: '',
  },
  {
    name: 'two groups that meet stay two',
    file: 'core/flush-group.ts',
    from: 'else if (room.group !== group) group.#absorb(room.group)',
    to: '',
  },
  {
    name: 'frames of several rooms go out room by room',
    file: 'core/batch.ts',
    from: 'share.sort((a, b) => a.number - b.number)',
    to: '',
  },
  {
    name: 'who came late gets what all get',
    file: 'core/flush-group.ts',
    from: 'if (needsOwnBatch) return mergedBatchFor(members, this.#batchOf)',
    to: '',
  },
  {
    name: 'who is in several rooms gets what was said before it came',
    file: 'core/batch.ts',
    from: `const { frames, authors, numbers } = batchOf(member.room)
    for (let place = member.firstFrame;`,
    to: 'const { frames, authors, numbers } = batchOf(member.room); for (let place = 0;',
  },
  {
    name: 'what went ahead of the batch comes with it again',
    file: 'core/memberships.ts',
    from: 'for (const member of behind) member.room.skip(member)',
    to: '',
  },
  {
    name: 'who leaves one room misses what waits there',
    file: 'core/memberships.ts',
    from: 'if (!this.#owner.ended && room.batch.frames.length > member.firstFrame) this.catchUp()',
    to: '',
  },
  {
    name: 'who leaves one room gets what waits there, ahead of what was said before elsewhere',
    file: 'core/memberships.ts',
    from: 'this.members.filter(({ room, firstFrame }) =>',
    to: 'this.members.slice(0, 1).filter(({ room, firstFrame }) =>',
  },
]

describe('a sender that turns from room to room within a turn (10.24)', () => {
  it('is heard in the order in which it spoke by members that join, leave or ask meanwhile', async () => {
    const code = await loadCode()
    await fc.assert(
      fc.asyncProperty(turning, (steps) => live(steps, code, ['y-webrtc'])),
      { numRuns: 500 },
    )
  })

  it.each(mutants)('is found out when $name', async (mutant) => {
    const code = await loadMutant(mutant)
    const tried = await fc.check(
      fc.asyncProperty(turning, (steps) => live(steps, code, ['y-webrtc'])),
      {
        numRuns: 1000,
        endOnFailure: true,
      },
    )
    expect(tried.failed).toBe(true)
  })

  it('has each member written to once, however often it turns', async () => {
    const context = createContext({ throttle: 0 })
    const readers = Array.from({ length: 3 }, () => connect(context, '/y-webrtc'))
    for (const { receive } of readers) receive({ type: 'subscribe', topics: ['a', 'b'] })
    const sender = connect(context, '/y-webrtc')
    await turn()
    const writes = readers.map(({ session }) => vi.spyOn(session, 'write'))
    for (let n = 0; n < 100; n++) sender.receive({ type: 'publish', topic: n % 2 === 0 ? 'a' : 'b', n })
    await turn()
    for (const write of writes) expect(write).toHaveBeenCalledOnce()
    // They are in the same rooms, so the bytes are the same, put together once.
    expect(new Set(writes.map(({ mock }) => mock.calls[0]?.[0])).size).toBe(1)
    for (const { seen } of readers) {
      expect(seen.map((text) => (JSON.parse(text) as { n: number }).n)).toEqual(
        Array.from({ length: 100 }, (_, n) => n),
      )
    }
    context.stop()
  })

  it('cannot have its rooms sent early by asking for an answer or leaving in between', async () => {
    const context = createContext({ throttle: 0 })
    const reader = connect(context, '/y-webrtc')
    const sender = connect(context, '/y-webrtc')
    for (const { receive } of [reader, sender]) receive({ type: 'subscribe', topics: ['a', 'b'] })
    await turn()
    const write = vi.spyOn(reader.session, 'write')
    for (let n = 0; n < 50; n++) {
      sender.receive({ type: 'publish', topic: 'a', n })
      sender.receive({ type: 'ping' })
      sender.receive({ type: 'unsubscribe', topics: ['a'] })
      sender.receive({ type: 'publish', topic: 'b', n })
      sender.receive({ type: 'subscribe', topics: ['a'] })
    }
    await turn()
    expect(write).toHaveBeenCalledOnce()
    context.stop()
  })

  it('does not have more wait than one room would: beyond that its rooms are sent early, in order', async () => {
    const context = createContext({ throttle: 0 })
    const reader = connect(context, '/y-webrtc')
    reader.receive({ type: 'subscribe', topics: ['a', 'b', 'c'] })
    const sender = connect(context, '/y-webrtc')
    const padding = 'x'.repeat(64 * 1024)
    for (let n = 0; n < 30; n++) sender.receive({ type: 'publish', topic: 'abc'[n % 3], n, padding })
    // Not yet the end of the turn.
    expect(reader.seen.length).toBeGreaterThanOrEqual(25)
    await turn()
    expect(reader.seen.map((text) => (JSON.parse(text) as { n: number }).n)).toEqual(
      Array.from({ length: 30 }, (_, n) => n),
    )
    context.stop()
  })
})

describe('promise 1: at most once, in order, to exactly the members present', () => {
  it('holds for random clients of random dialects, whatever comes in the same turn', async () => {
    const code = await loadCode()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => live(steps, code)),
      { numRuns: 500 },
    )
  })
})
