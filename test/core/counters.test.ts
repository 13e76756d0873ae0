import { describe, expect, it, vi } from 'vitest'
import { BatchSizes } from '../../src/core/counters.js'
import { Rooms } from '../../src/core/rooms.js'
import { totalsOf } from '../../src/dialects/totals.js'
import { StatusReport } from '../../src/observability/status-report.js'
import { connect, createContext, turn } from '../support/context.js'

describe('the sizes of batches', () => {
  it('are counted in buckets up to 1, 2, 4, … 1,024 frames and beyond', () => {
    const bucketOf = (frames: number): number => {
      const sizes = new BatchSizes()
      sizes.record(frames)
      expect(sizes.frames).toBe(frames)
      return sizes.buckets.indexOf(1)
    }
    expect([1, 2, 3, 4, 5, 8, 9, 1024, 1025, 50_000].map(bucketOf)).toEqual([0, 1, 2, 2, 3, 3, 4, 10, 11, 11])
  })
})

describe('the counters of a relay', () => {
  it('count a message once for each member that gets it, and a turn of a room as one batch', async () => {
    const context = createContext()
    const [a, b, c] = ['a', 'b', 'c'].map(() => connect(context, '/raw/doc'))
    a?.receive('one')
    a?.receive('two')
    b?.receive('three')
    await turn()
    expect(c?.seen).toEqual(['one', 'two', 'three'])
    // Nobody gets its own.
    expect(context.counters).toMatchObject({ messagesReceived: 3, messagesRelayed: 3, deliveries: 1 + 2 + 3 })
    expect(context.counters.batches).toMatchObject({ frames: 3, buckets: [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0] })
    context.stop()
  })

  it('count what a member is sent ahead of the rest, and who comes in the same turn gets less', async () => {
    const context = createContext()
    const [a, b] = ['a', 'b'].map(() => connect(context, '/pluresdb'))
    for (const [i, peer] of [a, b].entries()) peer?.receive({ type: 'join', topic: 't', peerId: `peer ${i}` })
    await turn()
    const before = context.counters.deliveries
    a?.receive({ type: 'data', data: 1 })
    // The answer follows the data.
    b?.receive({ type: 'nonsense' })
    connect(context, '/pluresdb').receive({ type: 'join', topic: 't', peerId: 'late' })
    await turn()
    // The data to b, and the news of the join to a and b.
    expect(context.counters.deliveries - before).toBe(3)
    context.stop()
  })

  it('tell the rooms and members of a dialect without a look at the rooms', () => {
    const context = createContext()
    const report = new StatusReport(context, () => totalsOf(context.counters))
    for (let i = 0; i < 3; i++)
      connect(context, '/pluresdb').receive({ type: 'join', topic: `topic ${i % 2}`, peerId: `${i}` })
    connect(context, '/raw/doc')
    const walk = vi.spyOn(Rooms.prototype, Symbol.iterator)
    expect(report.stats()).toMatchObject({ currentRooms: 3, topics: 2, peers: 3 })
    expect(report.health()).toMatchObject({ rooms: 3, topics: 2, peers: 3 })
    expect(walk).not.toHaveBeenCalled()
    walk.mockRestore()
    context.stop()
  })
})
