import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Limits } from '../../src/core/context.js'
import { connect, createHub } from '../support/context.js'

/** A hub, and a way to open a room from an address. */
function start(limits: Partial<Limits>): {
  hub: ReturnType<typeof createHub>
  hit: string[]
  open(room: string, address: string): ReturnType<typeof connect>
} {
  const hit: string[] = []
  const hub = createHub(limits, { limited: (limit) => hit.push(limit) })
  return { hub, hit, open: (room, address) => connect(hub, `/raw/${room}`, undefined, address) }
}

/** Opens and closes rooms, and compares what is counted with what is there. */
function live(steps: readonly { room: number; address: number; close: boolean }[]): void {
  const { hub, open } = start({ maxRooms: 12 })
  const wires: ReturnType<typeof connect>[] = []
  for (const { room, address, close } of steps) {
    if (close) wires.shift()?.session.end(1000)
    else wires.push(open(`room${room}`, `192.0.2.${address}`))
    const openers = [...hub.rooms].map(({ usage }) => usage)
    for (const opener of openers) expect(opener?.rooms).toBe(openers.filter((each) => each === opener).length)
    expect(hub.rooms.clients).toBe(new Set(openers).size)
  }
  for (const { session } of wires) session.end(1000)
  expect([hub.rooms.size, hub.rooms.clients]).toEqual([0, 0])
  hub.stop()
}

describe('all rooms of a relay (10.22)', () => {
  it('cannot be taken by one address, which is told so', () => {
    const { hub, hit, open } = start({ maxRooms: 100 })
    const greedy = Array.from({ length: 100 }, (_, i) => open(`mine${i}`, '192.0.2.1'))
    expect(hub.rooms.size).toBe(39)
    expect(greedy.at(-1)?.seen).toEqual(['close 1013'])
    expect(hit).toContain('address-rooms')
    expect(open('honest', '192.0.2.2').seen).toEqual([])
    hub.stop()
  })

  it('cannot be taken by several: a newcomer may open half as many as each of them has', () => {
    const { hub, open } = start({ maxRooms: 1000 })
    for (let i = 0; i < 2000; i++) open(`room${i}`, `192.0.2.${i % 9}`)
    const free = 1000 - hub.rooms.size
    expect(free).toBeGreaterThanOrEqual(90)
    for (let i = 0; i < (1000 - free) / 9 / 2; i++) expect(open(`honest${i}`, '198.51.100.1').seen).toEqual([])
    hub.stop()
  })

  it('cannot be taken by several that come one after another, each of which takes what it can', () => {
    const { hub, open } = start({ maxRooms: 1000 })
    for (let i = 0; i < 9; i++) for (let j = 0; j < 400; j++) open(`room${i}-${j}`, `192.0.2.${i}`)
    expect(1000 - hub.rooms.size).toBeGreaterThanOrEqual(100)
    for (let i = 0; i < 8; i++) expect(open(`honest${i}`, '198.51.100.1').seen).toEqual([])
    hub.stop()
  })

  it('are shared by user, where users are named, from whatever address they come', () => {
    const hit: string[] = []
    const hub = createHub(
      { maxRooms: 100 },
      { limited: (limit) => hit.push(limit) },
      { authorize: () => ({ user: 'ann' }) },
    )
    for (let i = 0; i < 100; i++) connect(hub, `/raw/mine${i}`, undefined, `192.0.2.${i}`)
    expect(hub.rooms.size).toBe(39)
    expect(hit).toContain('user-rooms')
    hub.stop()
  })

  it('may be joined by whoever has all that it may open', () => {
    const { hub, open } = start({ maxRooms: 10 })
    for (let i = 0; i < 10; i++) open(`mine${i}`, '192.0.2.1')
    open('honest', '192.0.2.2')
    expect(open('honest', '192.0.2.1').seen).toEqual([])
    hub.stop()
  })

  it('are free again when they close, and an address without one is forgotten', () => {
    fc.assert(fc.property(fc.array(fc.record({ room: fc.nat(20), address: fc.nat(3), close: fc.boolean() })), live))
  })
})
