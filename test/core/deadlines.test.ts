import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Deadline, Deadlines } from '../../src/core/deadlines.js'

describe('deadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('pass in the order in which they are due, each once, and never early', () => {
    const delays = fc.array(fc.record({ delay: fc.integer({ min: 0, max: 50 }), cancel: fc.boolean() }), {
      maxLength: 40,
    })
    fc.assert(
      fc.property(delays, (entries) => {
        const passed: { due: number; at: number }[] = []
        const deadlines = new Deadlines<{ due: number }>(({ due }) => passed.push({ due, at: performance.now() }))
        const start = performance.now()
        const items = entries.map(({ delay, cancel }) => {
          const item = { due: start + delay }
          return { deadline: deadlines.set(item, delay), cancel, item }
        })
        for (const { deadline, cancel } of items) if (cancel) deadlines.cancel(deadline)
        vi.advanceTimersByTime(100)
        const expected = items.filter(({ cancel }) => !cancel).map(({ item }) => item.due)
        expect(passed.map(({ due }) => due)).toEqual(expected.sort((a, b) => a - b))
        for (const { due, at } of passed) {
          expect(at).toBeGreaterThanOrEqual(due)
          expect(at).toBeLessThan(due + 2)
        }
        expect(deadlines.size).toBe(0)
        expect(vi.getTimerCount()).toBe(0)
      }),
    )
  })

  it('wait longer than a timer can', () => {
    const passed = vi.fn()
    const month = 30 * 24 * 3_600_000
    new Deadlines<string>(passed).set('month', month)
    vi.advanceTimersByTime(month - 1)
    expect(passed).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(passed).toHaveBeenCalledExactlyOnceWith('month')
  })

  it('may be set and cancelled while one passes', () => {
    const passed: string[] = []
    let later: Deadline<string> | undefined
    const deadlines: Deadlines<string> = new Deadlines((item) => {
      passed.push(item)
      if (item === 'first') {
        deadlines.cancel(later)
        deadlines.set('again', 5)
      }
    })
    deadlines.set('first', 10)
    later = deadlines.set('never', 10)
    vi.advanceTimersByTime(100)
    expect(passed).toEqual(['first', 'again'])
  })

  it('hold no timer when none is left', () => {
    const deadlines = new Deadlines<number>(() => {})
    const deadline = deadlines.set(1, 10)
    deadlines.set(2, 20)
    expect(vi.getTimerCount()).toBe(1)
    deadlines.cancel(deadline)
    deadlines.cancel(deadline)
    deadlines.cancel(undefined)
    expect(deadlines.size).toBe(1)
    deadlines.clear()
    expect(vi.getTimerCount()).toBe(0)
  })
})
