import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { textFrame } from '../../src/core/frame.js'
import { Archive, History, type HistoryLimits } from '../../src/core/history.js'

const limits: HistoryLimits = { history: 3, historyBytes: 0, historyTotalBytes: 0, historyAge: 0 }

function say(history: History, ...texts: string[]): void {
  for (const text of texts) history.record(textFrame(text), '')
}

function textsOf(history: History): string[] {
  return history.memories.map(({ text }) => text.toString())
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
    const history = new History(new Archive({ ...limits, historyBytes: 5 }))
    say(history, 'aa', 'bb', 'cc')
    expect(textsOf(history)).toEqual(['bb', 'cc'])
  })

  it('begins anew with a message that is too long to keep, so that no gap goes unseen', () => {
    const history = new History(new Archive({ ...limits, historyBytes: 5 }))
    say(history, 'aa', 'long long', 'b')
    expect(textsOf(history)).toEqual(['b'])
  })

  it('forgets the oldest of all rooms when all together are too many bytes', () => {
    const archive = new Archive({ ...limits, historyTotalBytes: 6 })
    const [red, blue] = [new History(archive), new History(archive)]
    say(red, 'r1', 'r2')
    say(blue, 'b1', 'b2')
    expect([textsOf(red), textsOf(blue)]).toEqual([['r2'], ['b1', 'b2']])
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
    // The timer has ended with the last memory.
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
        const archive = new Archive({ history: 4, historyBytes: 20, historyTotalBytes: 30, historyAge: 60_000 })
        const rooms = [0, 1, 2].map(() => new History(archive))
        const said = rooms.map((): { text: string; at: number }[] => [])
        for (const [i, { room, length, wait }] of steps.entries()) {
          vi.advanceTimersByTime(wait)
          const text = `${i}`.padEnd(length, 'x')
          said[room]?.push({ text, at: Date.now() })
          say(rooms[room] as History, text)
          const kept = rooms.map(textsOf)
          expect(kept.flat().join('').length).toBeLessThanOrEqual(30)
          for (const [r, texts] of kept.entries()) {
            expect(texts.length).toBeLessThanOrEqual(4)
            expect(texts.join('').length).toBeLessThanOrEqual(20)
            // Always the end of what was said, without a gap.
            const all = said[r] ?? []
            expect(texts).toEqual(all.slice(all.length - texts.length).map((each) => each.text))
            for (const { at } of all.slice(all.length - texts.length))
              expect(Date.now() - at).toBeLessThanOrEqual(60_000)
          }
        }
      }),
    )
  })
})
