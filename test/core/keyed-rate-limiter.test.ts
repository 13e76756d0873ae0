import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { KeyedRateLimiter } from '../../src/core/keyed-rate-limiter.js'

const WINDOW = 60_000

function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
}

describe('rate limiters by name', () => {
  it('give each name exactly the limit in a burst, and in each window however long it goes on', () => {
    fakeTime()
    const limiters = new KeyedRateLimiter(10, WINDOW)
    const pass = (name: string, times: number): number =>
      Array.from({ length: times }, () => limiters.take(name, performance.now())).filter((wait) => wait === 0).length
    const passed = { burst: 0, drip: 0 }
    for (let minute = 0; minute < 60; minute++) {
      passed.burst += pass('burst', 30)
      for (let second = 0; second < 60; second++) {
        passed.drip += pass('drip', 1)
        vi.advanceTimersByTime(1000)
      }
    }
    expect(passed).toEqual({ burst: 600, drip: 600 })
  })

  it('never refuse who stays below the limit', () => {
    fakeTime()
    const limiters = new KeyedRateLimiter(10, WINDOW)
    for (let i = 0; i < 600; i++) {
      expect(limiters.take('steady', performance.now())).toBe(0)
      vi.advanceTimersByTime(WINDOW / 10)
    }
  })

  it('tell how long to wait', () => {
    fakeTime()
    const limiters = new KeyedRateLimiter(1, WINDOW)
    limiters.take('a', performance.now())
    vi.advanceTimersByTime(15_000)
    expect(limiters.take('a', performance.now())).toBe(45_000)
    vi.advanceTimersByTime(45_000)
    expect(limiters.take('a', performance.now())).toBe(0)
  })

  it('remember nobody when nobody has come for two windows, and let go of their timer', () => {
    fakeTime()
    const limiters = new KeyedRateLimiter(10, WINDOW)
    for (let i = 0; i < 1000; i++) limiters.take(`client ${i}`, performance.now())
    expect(limiters.size).toBe(1000)
    vi.advanceTimersByTime(2 * WINDOW)
    expect(limiters.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('remember a debt until it is paid, however long nobody comes', () => {
    fakeTime()
    const meters = new KeyedRateLimiter(10, WINDOW)
    meters.charge('a', 105, performance.now())
    meters.take('b', performance.now())
    for (let passed = 1; passed < 10; passed++) {
      vi.advanceTimersByTime(WINDOW)
      expect(meters.wait('a', performance.now())).toBe((10 - passed) * WINDOW)
    }
    expect(meters.size).toBe(1)
    vi.advanceTimersByTime(3 * WINDOW)
    expect(meters.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('remember a debt although many others come', () => {
    fakeTime()
    const meters = new KeyedRateLimiter(10, WINDOW, 1000)
    meters.charge('a', 100, performance.now())
    for (let i = 0; i < 10_000; i++) meters.take(`other ${i}`, performance.now())
    expect(meters.wait('a', performance.now())).toBe(10 * WINDOW)
  })

  it('stay bounded when somebody has debts under a hundred thousand names', () => {
    fakeTime()
    const meters = new KeyedRateLimiter(10, WINDOW, 1000)
    for (let i = 0; i < 100_000; i++) meters.charge(String(i), 100, performance.now())
    expect(meters.size).toBeLessThanOrEqual(3000)
  })

  it('stay bounded when somebody comes under a million names', () => {
    fakeTime()
    const limiters = new KeyedRateLimiter(10, WINDOW, 1000)
    for (let i = 0; i < 1_000_000; i++) limiters.take(`2001:db8:${i >> 16}:${i & 0xffff}::/64`, performance.now())
    expect(limiters.size).toBeLessThanOrEqual(2000)
  })

  it('have no limit at 0, and remember nobody', () => {
    const limiters = new KeyedRateLimiter(0, WINDOW)
    for (let i = 0; i < 1000; i++) expect(limiters.take('a', 0)).toBe(0)
    expect(limiters.size).toBe(0)
  })
})
