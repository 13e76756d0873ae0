import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Limits } from '../../src/core/context.js'
import { connect, createContext } from '../support/context.js'

/** A context, and a way to open a room from an address. */
function start(limits: Partial<Limits>): {
  context: ReturnType<typeof createContext>
  hit: string[]
  open(room: string, address: string): ReturnType<typeof connect>
} {
  const hit: string[] = []
  const context = createContext(limits, { limited: (limit) => hit.push(limit) })
  return { context, hit, open: (room, address) => connect(context, `/raw/${room}`, undefined, address) }
}

/** Opens and closes rooms, and compares what is counted with what is there. */
function live(steps: readonly { room: number; address: number; close: boolean }[]): void {
  const { context, open } = start({ maxRooms: 12 })
  const wires: ReturnType<typeof connect>[] = []
  for (const { room, address, close } of steps) {
    if (close) wires.shift()?.session.end(1000)
    else wires.push(open(`room${room}`, `192.0.2.${address}`))
    const usages = [...context.rooms].map(({ usage }) => usage)
    for (const usage of usages) expect(usage?.rooms).toBe(usages.filter((each) => each === usage).length)
    expect(context.rooms.clients).toBe(new Set(usages).size)
  }
  for (const { session } of wires) session.end(1000)
  expect([context.rooms.size, context.rooms.clients]).toEqual([0, 0])
  context.stop()
}

describe('all rooms of a relay (10.22)', () => {
  it('cannot be taken by one address, which is told so', () => {
    const { context, hit, open } = start({ maxRooms: 100 })
    const greedy = Array.from({ length: 100 }, (_, i) => open(`mine${i}`, '192.0.2.1'))
    expect(context.rooms.size).toBe(39)
    expect(greedy.at(-1)?.seen).toEqual(['close 1013'])
    expect(hit).toContain('address-rooms')
    expect(open('honest', '192.0.2.2').seen).toEqual([])
    context.stop()
  })

  it('cannot be taken by several: a newcomer may open half as many as each of them has', () => {
    const { context, open } = start({ maxRooms: 1000 })
    for (let i = 0; i < 2000; i++) open(`room${i}`, `192.0.2.${i % 9}`)
    const free = 1000 - context.rooms.size
    expect(free).toBeGreaterThanOrEqual(90)
    for (let i = 0; i < (1000 - free) / 9 / 2; i++) expect(open(`honest${i}`, '198.51.100.1').seen).toEqual([])
    context.stop()
  })

  it('cannot be taken by several that come one after another, each of which takes what it can', () => {
    const { context, open } = start({ maxRooms: 1000 })
    for (let i = 0; i < 9; i++) for (let j = 0; j < 400; j++) open(`room${i}-${j}`, `192.0.2.${i}`)
    expect(1000 - context.rooms.size).toBeGreaterThanOrEqual(100)
    for (let i = 0; i < 8; i++) expect(open(`honest${i}`, '198.51.100.1').seen).toEqual([])
    context.stop()
  })

  it('are shared by user, where users are named, from whatever address they come', () => {
    const hit: string[] = []
    const context = createContext(
      { maxRooms: 100 },
      { limited: (limit) => hit.push(limit) },
      { authorize: () => ({ user: 'ann' }) },
    )
    for (let i = 0; i < 100; i++) connect(context, `/raw/mine${i}`, undefined, `192.0.2.${i}`)
    expect(context.rooms.size).toBe(39)
    expect(hit).toContain('user-rooms')
    context.stop()
  })

  it('may be joined by a client that has opened its whole share', () => {
    const { context, open } = start({ maxRooms: 10 })
    for (let i = 0; i < 10; i++) open(`mine${i}`, '192.0.2.1')
    open('honest', '192.0.2.2')
    expect(open('honest', '192.0.2.1').seen).toEqual([])
    context.stop()
  })

  it('are free again when they close, and an address without one is forgotten', () => {
    fc.assert(fc.property(fc.array(fc.record({ room: fc.nat(20), address: fc.nat(3), close: fc.boolean() })), live))
  })
})
