import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Deadline, Deadlines } from '../../src/core/deadlines.js'

describe('alarms', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('ring in the order in which they are due, each once, and never early', () => {
    const delays = fc.array(fc.record({ delay: fc.integer({ min: 0, max: 50 }), cancel: fc.boolean() }), {
      maxLength: 40,
    })
    fc.assert(
      fc.property(delays, (entries) => {
        const rang: { due: number; at: number }[] = []
        const alarms = new Deadlines<{ due: number }>(({ due }) => rang.push({ due, at: performance.now() }))
        const start = performance.now()
        const items = entries.map(({ delay, cancel }) => {
          const item = { due: start + delay }
          return { alarm: alarms.set(item, delay), cancel, item }
        })
        for (const { alarm, cancel } of items) if (cancel) alarms.cancel(alarm)
        vi.advanceTimersByTime(100)
        const expected = items.filter(({ cancel }) => !cancel).map(({ item }) => item.due)
        expect(rang.map(({ due }) => due)).toEqual(expected.sort((a, b) => a - b))
        for (const { due, at } of rang) {
          expect(at).toBeGreaterThanOrEqual(due)
          expect(at).toBeLessThan(due + 2)
        }
        expect(alarms.size).toBe(0)
        expect(vi.getTimerCount()).toBe(0)
      }),
    )
  })

  it('wait longer than a timer can', () => {
    const rang = vi.fn()
    const month = 30 * 24 * 3_600_000
    new Deadlines<string>(rang).set('month', month)
    vi.advanceTimersByTime(month - 1)
    expect(rang).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(rang).toHaveBeenCalledExactlyOnceWith('month')
  })

  it('may be set and cancelled while one rings', () => {
    const rang: string[] = []
    let later: Deadline<string> | undefined
    const alarms: Deadlines<string> = new Deadlines((item) => {
      rang.push(item)
      if (item === 'first') {
        alarms.cancel(later)
        alarms.set('again', 5)
      }
    })
    alarms.set('first', 10)
    later = alarms.set('never', 10)
    vi.advanceTimersByTime(100)
    expect(rang).toEqual(['first', 'again'])
  })

  it('hold no timer when none is left', () => {
    const alarms = new Deadlines<number>(() => {})
    const alarm = alarms.set(1, 10)
    alarms.set(2, 20)
    expect(vi.getTimerCount()).toBe(1)
    alarms.cancel(alarm)
    alarms.cancel(alarm)
    alarms.cancel(undefined)
    expect(alarms.size).toBe(1)
    alarms.clear()
    expect(vi.getTimerCount()).toBe(0)
  })
})
