import type { Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Counters } from '../../src/core/counters.js'
import { Room } from '../../src/core/room.js'
import { Ticker } from '../../src/core/ticker.js'
import { SendBudget } from '../../src/websocket/send-budget.js'
import {
  PIECE,
  type SlowConnection,
  SlowConsumer,
  type SlowConsumerContext,
} from '../../src/websocket/slow-consumer.js'

const MEGABYTE = 2 ** 20

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

/** A connection whose client reads when the test says so. */
class Slow implements SlowConnection {
  readonly context: SlowConsumerContext
  readonly reader: SlowConsumer
  /** What the client has read. */
  readonly read: Buffer[] = []
  state: 'behind' | 'caught up' | 'dropped' | 'cut' = 'behind'
  ended = false
  readonly #written: { bytes: Buffer; done(): void }[] = []
  readonly socket: Socket

  constructor(budget: SendBudget, maxBufferedBytes = 8 * MEGABYTE, encrypted = false) {
    this.context = { budget, maxBufferedBytes }
    const unsent = (): number => this.unsent
    this.socket = {
      encrypted,
      get writableLength() {
        return unsent()
      },
      write: (bytes: Buffer, done: () => void) => this.#written.push({ bytes, done }) > 0,
      end: () => {
        this.ended = true
      },
    } as unknown as Socket
    this.reader = new SlowConsumer(this)
  }

  /** What the socket has been given and not sent. */
  get unsent(): number {
    return this.#written.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** The client reads what the socket has, and again, so often. */
  take(times = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < times; i++) {
      const next = this.#written.shift()
      if (!next) return
      this.read.push(next.bytes)
      next.done()
    }
  }

  progressed(): void {}

  caughtUp(): void {
    this.state = 'caught up'
  }

  dropSlow(): void {
    this.state = 'dropped'
  }

  cutSlow(): void {
    this.state = 'cut'
  }
}

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

const createRoom = (): Room => new Room({ name: 'opaque' }, 'room', new Ticker(), new Counters())

describe('what waits for slow readers', () => {
  it('counts once, however many wait for the same bytes (10.7)', () => {
    const budget = new SendBudget(256 * MEGABYTE)
    const readers = Array.from({ length: 900 }, () => new Slow(budget))
    const message = Buffer.alloc(1000 * 1024)
    for (const { reader } of readers) reader.add(message)
    expect(readers.every(({ state }) => state === 'behind')).toBe(true)
    expect(budget.measure().connections).toBe(900)
    expect(budget.measure().bytes).toBeLessThan(2 * MEGABYTE)
    for (const reader of readers) reader.take()
    expect(readers.every(({ state }) => state === 'caught up')).toBe(true)
    expect(budget.measure()).toEqual({ bytes: 0, connections: 0 })
  })

  it('counts for each reader what TLS makes of it, and is encrypted a piece at a time (10.7)', () => {
    const budget = new SendBudget(0)
    const readers = Array.from({ length: 10 }, () => new Slow(budget, 0, true))
    const message = Buffer.alloc(MEGABYTE)
    for (const { reader } of readers) reader.add(message)
    for (const { unsent } of readers) expect(unsent).toBe(PIECE)
    expect(budget.measure().bytes).toBeGreaterThan(MEGABYTE + 10 * PIECE)
    expect(budget.measure().bytes).toBeLessThan(MEGABYTE + 10 * PIECE + 10_000)
  })

  it('never makes one message too much for a reader that had nothing unsent (10.7, 10.9)', async () => {
    const slow = new Slow(new SendBudget(0), MEGABYTE)
    slow.reader.add(Buffer.alloc(9 * MEGABYTE))
    slow.reader.add(Buffer.alloc(MEGABYTE / 2))
    await nextTick()
    expect(slow.state).toBe('behind')
    slow.reader.add(Buffer.alloc(MEGABYTE))
    await nextTick()
    expect(slow.state).toBe('dropped')
  })

  it('gives a reader up that takes nothing for 30 seconds, and none that reads on (10.7)', async () => {
    const budget = new SendBudget(0)
    const [stalled, steady] = [new Slow(budget), new Slow(budget)]
    for (const { reader } of [stalled, steady]) reader.add(Buffer.alloc(4 * MEGABYTE))
    for (let i = 0; i < 31; i++) {
      vi.advanceTimersByTime(1000)
      if (i % 5 === 0) steady.take(1)
    }
    await nextTick()
    expect(stalled.state).toBe('dropped')
    expect(steady.state).toBe('behind')
  })

  it('costs those first who have taken nothing for longest, however little waits for them (10.25)', () => {
    const budget = new SendBudget(64 * MEGABYTE)
    const silent = Array.from({ length: 300 }, () => new Slow(budget))
    for (const { reader } of silent) reader.add(Buffer.alloc(200 * 1024))
    const honest = new Slow(budget)
    for (let i = 0; i < 6; i++) honest.reader.add(Buffer.alloc(MEGABYTE))
    vi.advanceTimersByTime(10_000)
    honest.take(1)
    // It stalls for a second, while more attackers come.
    vi.advanceTimersByTime(1000)
    const more = Array.from({ length: 300 }, () => new Slow(budget))
    for (const { reader } of more) reader.add(Buffer.alloc(100 * 1024))
    const given = silent.map(({ state }) => state === 'cut')
    expect(given.lastIndexOf(true)).toBe(given.filter(Boolean).length - 1)
    expect(given).toContain(true)
    expect(honest.state).toBe('behind')
    expect(budget.measure().bytes).toBeLessThanOrEqual(64 * MEGABYTE)
  })

  it('costs nobody who has taken all, though it fell behind a moment before the others (10.25)', () => {
    const budget = new SendBudget(64 * MEGABYTE)
    // For its first write alone, of whose end the socket does not tell.
    const honest = new Slow(budget)
    const silent = Array.from({ length: 70 }, () => new Slow(budget))
    for (const { reader } of silent) reader.add(Buffer.alloc(MEGABYTE))
    expect(honest.state).toBe('caught up')
    expect(silent[0]?.state).toBe('cut')
  })

  it('slows the senders of its own room down, and of no other, until little is left (10.8)', () => {
    const slow = new Slow(new SendBudget(0))
    const [busy, quiet] = [createRoom(), createRoom()]
    for (let i = 0; i < 5; i++) {
      expect(busy.congestion).toBeUndefined()
      slow.reader.add(Buffer.alloc(MEGABYTE), busy)
      slow.reader.add(Buffer.alloc(100), quiet)
    }
    expect(busy.congestion?.size).toBe(1)
    expect(quiet.congestion).toBeUndefined()
    while (busy.congestion) slow.take(1)
    expect(slow.reader.backlog).toBeGreaterThan(MEGABYTE / 2)
    expect(slow.reader.backlog).toBeLessThan(1.5 * MEGABYTE)
  })

  it('slows nobody down for a reader that reads a byte a second (10.8)', () => {
    const slow = new Slow(new SendBudget(0))
    const room = createRoom()
    for (let i = 0; i < 5; i++) slow.reader.add(Buffer.alloc(MEGABYTE), room)
    expect(room.congestion?.relief).toBeDefined()
    vi.advanceTimersByTime(4000)
    slow.take(1)
    expect(room.congestion?.relief).toBeUndefined()
  })

  it('arrives in order and whole, whatever is written and whenever it is read', () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: PIECE - 2, max: 3 * PIECE }))
    const step = fc.record({ size, reads: fc.nat(2), inRoom: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), fc.boolean(), (steps, encrypted) => {
        const [budget, room] = [new SendBudget(0), createRoom()]
        const [written, readers]: [Buffer[], Slow[]] = [[], []]
        for (const [index, { size, reads, inRoom }] of steps.entries()) {
          let slow = readers.at(-1)
          if (slow?.state !== 'behind') readers.push((slow = new Slow(budget, 0, encrypted)))
          const bytes = Buffer.alloc(size, index)
          written.push(bytes)
          slow.reader.add(bytes, inRoom ? room : undefined)
          expect(slow.unsent).toBeLessThanOrEqual(PIECE)
          slow.take(reads)
        }
        const last = readers.at(-1)
        last?.reader.end()
        last?.take()
        expect(last?.ended).toBe(true)
        const read = readers.flatMap((each) => each.read)
        expect(Buffer.concat(read).equals(Buffer.concat(written))).toBe(true)
        expect(budget.measure()).toEqual({ bytes: 0, connections: 0 })
        expect(room.congestion).toBeUndefined()
        budget.stop()
      }),
    )
  })
})
