import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ClientUsage } from '../../src/core/client-usage.js'
import { textFrame } from '../../src/core/frame.js'
import { Archive, History, type HistoryLimits } from '../../src/core/history.js'

const limits: HistoryLimits = { history: 3, historyBytes: 0, historyTotalBytes: 0, historyAge: 0 }

function say(history: History, ...texts: string[]): void {
  for (const text of texts) history.record(textFrame(text), '')
}

function textsOf(history: History): string[] {
  return history.entries.map(({ text }) => text.toString())
}

/** What is kept is the end of what was said, without a gap but for what was too long, of which the number is told. */
function expectTail(history: History, kept: string[], said: { text: string; at: number }[]): void {
  expect(kept.length).toBeLessThanOrEqual(4)
  expect(kept.join('').length).toBeLessThanOrEqual(20)
  const first = said.findIndex(({ text }) => text === kept[0])
  const end = first < 0 ? [] : said.slice(first)
  expect(kept).toEqual(end.map(({ text }) => text).filter(({ length }) => length <= 5))
  expect(history.omitted).toBe(end.length - kept.length)
  for (const { at } of end) expect(Date.now() - at).toBeLessThanOrEqual(60_000)
}

describe('history', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('keeps the last messages, in order', () => {
    const history = new History(new Archive(limits))
    say(history, 'a', 'b', 'c', 'd')
    expect(textsOf(history)).toEqual(['b', 'c', 'd'])
  })

  it('keeps no more bytes of a room than it may', () => {
    const history = new History(new Archive({ ...limits, historyBytes: 8 }))
    say(history, 'a', 'bb', 'cc', 'dd', 'ee')
    expect(textsOf(history)).toEqual(['cc', 'dd', 'ee'])
  })

  it('forgets what is too old, asked or not', () => {
    const archive = new Archive({ ...limits, historyAge: 60_000 })
    const history = new History(archive)
    say(history, 'a')
    vi.advanceTimersByTime(50_000)
    say(history, 'b')
    vi.advanceTimersByTime(15_000)
    expect(textsOf(history)).toEqual(['b'])
    vi.advanceTimersByTime(60_000)
    // The timer has ended with the last entry.
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keeps a message of another node once, wherever it heard of it', () => {
    const history = new History(new Archive({ ...limits, history: 10 }))
    history.record(textFrame('live'), 'n1/7')
    const earlier = { text: Buffer.from('earlier'), at: Date.now() - 5, origin: 'n1/6' }
    const again = { text: Buffer.from('live'), at: Date.now(), origin: 'n1/7' }
    history.adopt([again, earlier])
    history.record(textFrame('live'), 'n1/7')
    expect(textsOf(history)).toEqual(['earlier', 'live'])
  })

  it('takes nothing over that is too old, and forgets what it took over in time', () => {
    const archive = new Archive({ ...limits, historyAge: 60_000 })
    const [first, second] = [new History(archive), new History(archive)]
    say(first, 'young')
    const from = Date.now()
    second.adopt([
      { text: Buffer.from('too old'), at: from - 61_000, origin: 'n1/1' },
      { text: Buffer.from('old'), at: from - 30_000, origin: 'n1/2' },
    ])
    expect(textsOf(second)).toEqual(['old'])
    vi.advanceTimersByTime(31_000)
    expect(textsOf(second)).toEqual([])
    expect(textsOf(first)).toEqual(['young'])
  })

  it('stays within its limits whatever is said in whatever room', () => {
    const step = fc.record({ room: fc.nat(2), length: fc.integer({ min: 1, max: 12 }), wait: fc.nat(30_000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const archive = new Archive({ history: 4, historyBytes: 20, historyTotalBytes: 1200, historyAge: 60_000 })
        const usages = [new ClientUsage('a'), new ClientUsage('b')]
        const rooms = [0, 1, 2].map((i) => new History(archive, usages[i % 2]))
        const said = rooms.map((): { text: string; at: number }[] => [])
        for (const [i, { room, length, wait }] of steps.entries()) {
          vi.advanceTimersByTime(wait)
          const text = `${i}`.padEnd(length, 'x')
          said[room]?.push({ text, at: Date.now() })
          say(rooms[room] as History, text)
          const kept = rooms.map(textsOf)
          expect(archive.bytes).toBeLessThanOrEqual(1200)
          for (const [r, history] of rooms.entries()) expectTail(history, kept[r] ?? [], said[r] ?? [])
        }
        for (const history of rooms) history.clear()
        expect(archive.bytes).toBe(0)
        expect(vi.getTimerCount()).toBe(0)
      }),
    )
  })
})

describe('memory for history (10.22)', () => {
  /** Rooms of a user or address, with a message of so many bytes in each. */
  function fill(archive: Archive, usage: ClientUsage, rooms: number, bytes: number): History[] {
    return Array.from({ length: rooms }, () => {
      const history = new History(archive, usage)
      say(history, 'x'.repeat(bytes))
      return history
    })
  }

  it('is not emptied of what others said by a client that fills many rooms', () => {
    const archive = new Archive({ ...limits, history: 100, historyBytes: 2 ** 18, historyTotalBytes: 2 ** 20 })
    const honest = new History(archive, new ClientUsage('honest'))
    const texts = Array.from({ length: 20 }, (_, i) => `edit ${i}`)
    say(honest, ...texts)
    const rooms = fill(archive, new ClientUsage('greedy'), 300, 60_000)
    expect(textsOf(honest)).toEqual(texts)
    expect(archive.bytes).toBeLessThanOrEqual(2 ** 20)
    // Those that come last are no better off than those before.
    expect(rooms.filter((history) => history.entries.length > 0).length).toBeGreaterThan(8)
  })

  it('is taken from the rooms that need most, where all are of one address', () => {
    const archive = new Archive({ ...limits, history: 100, historyBytes: 2 ** 18, historyTotalBytes: 2 ** 20 })
    const usage = new ClientUsage('proxy')
    const quiet = new History(archive, usage)
    say(quiet, 'a', 'b')
    fill(archive, usage, 300, 60_000)
    expect(textsOf(quiet)).toEqual(['a', 'b'])
  })

  it('is not emptied of what was said in a room by one long message', () => {
    const history = new History(new Archive({ ...limits, history: 100, historyBytes: 1000 }))
    say(history, 'a', 'b', 'x'.repeat(1000), 'x'.repeat(251), 'c')
    expect(textsOf(history)).toEqual(['a', 'b', 'c'])
    expect(history.omitted).toBe(2)
  })

  it('counts what small messages cost, not only their text', () => {
    const archive = new Archive({ ...limits, history: 1000 })
    const history = new History(archive)
    for (let i = 0; i < 1000; i++) say(history, 'tiny')
    expect(archive.bytes).toBeGreaterThan(100 * 1000)
  })

  it('holds messages as they came, whatever their bytes are', () => {
    const history = new History(new Archive(limits))
    say(history, '{"a":"é€😀\u0000"}')
    expect(textsOf(history)).toEqual(['{"a":"é€😀\u0000"}'])
  })
})
