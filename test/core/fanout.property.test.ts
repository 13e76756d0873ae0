import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Hub } from '../../src/core/hub.js'
import { connect, createHub, turn } from '../support/hub.js'
import { check, dialects, perform, ROOMS, type Step, step, World } from '../support/model.js'

/** What a hub counts is open, and what a look at all rooms finds. */
function census(hub: Hub): { counted: object; found: object } {
  const kinds = dialects.map((dialect) => {
    const rooms = [...hub.rooms].filter(({ kind }) => kind.name === dialect)
    return [dialect, { rooms: rooms.length, members: rooms.reduce((sum, { count }) => sum + count, 0) }] as const
  })
  const counted = dialects.map((dialect) => [dialect, hub.counters.census(dialect)] as const)
  return { counted: Object.fromEntries(counted), found: Object.fromEntries(kinds) }
}

/** Opens a client of each dialect in each room, has them live through the steps, and compares what they saw. */
async function live(steps: Step[]): Promise<void> {
  const hub = createHub({ rateLimit: 0, throttle: 0 })
  const world = new World(async (path) => {
    const { session, seen, receive } = connect(hub, path)
    return await Promise.resolve({ id: session.id, seen, receive, drop: async () => session.end(1006) })
  })
  for (const dialect of dialects) for (const room of ROOMS) await world.open(dialect, room)
  for (const each of steps) {
    const present = world.actors.filter(({ gone }) => !gone)
    const actor = present[each.actor % present.length]
    // Whoever goes has got what was sent before: what it misses nobody can tell.
    if (each.verb === 'turn' || each.verb === 'close') await turn()
    if (actor) await perform(world, actor, each)
    const { counted, found } = census(hub)
    expect(counted).toEqual(found)
  }
  await turn()
  for (const actor of world.actors) check(actor)
  for (const actor of world.actors.filter(({ gone }) => !gone)) await world.close(actor)
  await turn()
  expect([...hub.rooms]).toEqual([])
  expect(hub.counters.census('opaque')).toEqual({ rooms: 0, members: 0 })
  hub.stop()
}

describe('a sender that turns from one room to another', () => {
  it('is heard in order by those who are in both, also when it leaves the first in between', async () => {
    const hub = createHub()
    const [reader, sender, third] = [connect(hub, '/y-webrtc'), connect(hub, '/y-webrtc'), connect(hub, '/y-webrtc')]
    for (const { receive } of [reader, sender]) receive({ type: 'subscribe', topics: ['a', 'b'] })
    third.receive({ type: 'publish', topic: 'b', n: 0 })
    sender.receive({ type: 'publish', topic: 'a', n: 1 })
    sender.receive({ type: 'unsubscribe', topics: ['a'] })
    sender.receive({ type: 'publish', topic: 'b', n: 2 })
    await turn()
    const heard = reader.seen.map((text) => (JSON.parse(text) as { n: number }).n)
    expect(heard.indexOf(1)).toBeLessThan(heard.indexOf(2))
    hub.stop()
  })
})

describe('promise 1: at most once, in order, to exactly the members present', () => {
  it('holds for random clients of random dialects, whatever comes in the same turn', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), live), { numRuns: 500 })
  })
})
