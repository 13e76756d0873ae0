import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Limits, RelayContext } from '../../src/core/context.js'
import { Counters } from '../../src/core/counters.js'
import type { Observer } from '../../src/core/observer.js'
import { Member, Room } from '../../src/core/room.js'
import type { Session } from '../../src/core/session.js'
import { Ticker } from '../../src/core/ticker.js'
import { connect, createContext, type Wire } from '../support/context.js'

function start(limits: Partial<Limits> = {}, observer: Partial<Observer> = {}): RelayContext {
  const context = createContext(limits, observer)
  onTestFinished(() => context.stop())
  return context
}

/** Fills a room with members of as many addresses. */
function fill(context: RelayContext, path: string, count: number): Wire[] {
  return Array.from({ length: count }, (_, i) => {
    const wire = connect(context, path, undefined, `198.51.${i >> 8}.${i & 255}`)
    if (path === '/pluresdb') wire.receive({ type: 'join', topic: 'big', peerId: `peer${i}` })
    return wire
  })
}

describe('work for others that a small message causes (10.23)', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('slows down who joins a big topic again and again, long before it has sent as many messages as it may', () => {
    const context = start({ throttle: 1000 })
    fill(context, '/pluresdb', 499)
    const storm = connect(context, '/pluresdb')
    const paused = (): boolean => storm.pauses.some((milliseconds) => milliseconds > 100)
    let joins = 0
    while (!paused() && joins < 1000) storm.receive({ type: 'join', topic: 'big', peerId: `name${joins++ % 2}` })
    expect(joins).toBeLessThan(300)
    expect(paused()).toBe(true)
  })

  it('gives others their turn after a few joins of a big topic', () => {
    const context = start()
    fill(context, '/pluresdb', 999)
    const storm = connect(context, '/pluresdb')
    for (let i = 0; i < 3; i++) storm.receive({ type: 'join', topic: 'big', peerId: `name${i}` })
    expect(storm.pauses).toContain(1)
  })

  it('is charged to an address that comes to a big room again and again, whose joins wait', async () => {
    const hit: string[] = []
    const context = start({ throttle: 1000 }, { limited: (limit) => hit.push(limit) })
    const [ann] = fill(context, '/room/big', 500)
    const come = (): Wire => connect(context, '/room/big', undefined, '192.0.2.1')
    let times = 0
    for (let last = come(); last.seen.length > 0 && times < 2000; last = come()) {
      last.session.end(1006)
      times++
    }
    // Each comes and goes before 500 members: 1,000 notices.
    expect(times).toBeGreaterThan(300)
    expect(times).toBeLessThan(500)
    expect(hit).toContain('throttle')
    // Others come as before, and who waited is in when its time has come.
    expect(connect(context, '/room/big', undefined, '192.0.2.2').seen).not.toEqual([])
    const late = come()
    await vi.advanceTimersByTimeAsync(1000)
    expect(late.seen.length).toBeGreaterThan(0)
    expect(ann?.session.ended).toBe(false)
  })

  it('closes nobody for a join that waits for longer than a client has to join a room', async () => {
    const context = start({ throttle: 1000, joinTimeout: 10_000 })
    const who = ['/room/doc', '/pluresdb', '/room/doc'].map((path) => {
      context.work.charge('192.0.2.1', 20_000, performance.now())
      return connect(context, path, undefined, '192.0.2.1')
    })
    who[1]?.receive({ type: 'join', topic: 'doc', peerId: 'ann' })
    await vi.advanceTimersByTimeAsync(59_000)
    expect(who.map(({ session }) => session.ended)).toEqual([false, false, false])
    await vi.advanceTimersByTimeAsync(10_000)
    expect(who.map(({ session }) => session.members.length)).toEqual([1, 1, 1])
  })

  it('opens no room for a client that has gone while its join waited', async () => {
    const context = start({ throttle: 1000 })
    context.work.charge('192.0.2.1', 5000, performance.now())
    const late = connect(context, '/room/lonely', undefined, '192.0.2.1')
    late.session.end(1006)
    await vi.advanceTimersByTimeAsync(10_000)
    expect([...context.rooms]).toEqual([])
  })

  it('is charged for the history that a newcomer is sent', () => {
    const context = start({ history: 100, throttle: 10, rateLimit: 0 })
    const ann = connect(context, '/room/doc')
    for (let i = 0; i < 4; i++) ann.receive({ type: 'content', body: 'x'.repeat(60_000) })
    let times = 0
    for (let seen = 1; seen > 0 && times < 100; times++) {
      const wire = connect(context, '/room/doc', undefined, '192.0.2.1')
      seen = wire.seen.length
      wire.session.end(1006)
    }
    expect(times).toBeLessThan(6)
  })

  it('does not slow down a whole office that comes back at once', () => {
    const context = start()
    const all = Array.from({ length: 300 }, () => connect(context, '/room/big', undefined, '192.0.2.1'))
    for (const { session } of all) session.end(1006)
    const back = Array.from({ length: 300 }, () => connect(context, '/room/big', undefined, '192.0.2.1'))
    expect(back.every(({ seen }) => seen[0]?.includes('"connected"'))).toBe(true)
  })

  it('does not slow down 20,000 clients of a proxy that nobody has named, in small rooms', () => {
    const context = start()
    for (let i = 0; i < 20_000; i++) {
      expect(connect(context, `/room/doc${i >> 3}`, undefined, '127.0.0.1').seen.length).toBeGreaterThan(0)
    }
  })

  it('does not slow down a page with 1,000 documents that comes back', () => {
    const context = start({ maxTopics: 0 })
    const page = connect(context, '/y-webrtc', undefined, '192.0.2.1')
    page.receive({ type: 'subscribe', topics: Array.from({ length: 1000 }, (_, i) => `doc${i}`) })
    expect(page.session.members).toHaveLength(1000)
    expect(Math.max(...page.pauses)).toBe(1)
  })

  it('slows down who subscribes to thousands of topics again and again', () => {
    const context = start({ maxTopics: 0 })
    const storm = connect(context, '/y-webrtc', undefined, '192.0.2.1')
    const topics = Array.from({ length: 1000 }, (_, i) => `topic${i}`)
    for (let i = 0; i < 10; i++) {
      storm.receive({ type: 'subscribe', topics })
      storm.receive({ type: 'unsubscribe', topics })
    }
    expect(storm.pauses.some((milliseconds) => milliseconds > 100)).toBe(true)
  })
})

/** Takes in a member of this node or of another. */
function comeIn(room: Room, member: Member, remote: boolean): void {
  if (remote) room.arrive(member)
  else room.add(member)
}

/** Lets go of a member of this node, which has a place, or of another. */
function goAway(room: Room, member: Member): void {
  if (member.index < 0) room.depart(member)
  else room.remove(member)
}

describe('the ids of a room (10.23)', () => {
  it('are counted as members of this node and of others come and go', () => {
    const step = fc.record({ who: fc.nat(9), id: fc.constantFrom('ann', 'ben', 'cat'), remote: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const kind = { name: 'test', chosenIds: true, joined: () => Buffer.from('j'), left: () => Buffer.from('l') }
        const room = new Room(kind, 'room', new Ticker(), new Counters())
        const session = { write() {} } as unknown as Session
        const present = new Map<number, Member>()
        for (const { who, id, remote } of steps) {
          const member = present.get(who) ?? new Member(session, room, id)
          if (present.delete(who)) goAway(room, member)
          else {
            present.set(who, member)
            comeIn(room, member, remote)
          }
          const ids = new Set([...present.values()].map((each) => each.id))
          expect(new Set(room.ids())).toEqual(ids)
          for (const name of ['ann', 'ben', 'cat']) expect(room.has(name)).toBe(ids.has(name))
        }
      }),
    )
  })
})
