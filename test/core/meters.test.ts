import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Quota } from '../../src/core/limits.js'
import { Meters } from '../../src/core/meters.js'

const WINDOW = 60_000

function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
}

describe('meters', () => {
  it('give each name exactly the limit in a burst, and in each window however long it goes on', () => {
    fakeTime()
    const meters = new Meters(10, WINDOW)
    const pass = (name: string, times: number): number =>
      Array.from({ length: times }, () => meters.take(name, performance.now())).filter((wait) => wait === 0).length
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
    const meters = new Meters(10, WINDOW)
    for (let i = 0; i < 600; i++) {
      expect(meters.take('steady', performance.now())).toBe(0)
      vi.advanceTimersByTime(WINDOW / 10)
    }
  })

  it('tell how long to wait', () => {
    fakeTime()
    const meters = new Meters(1, WINDOW)
    meters.take('a', performance.now())
    vi.advanceTimersByTime(15_000)
    expect(meters.take('a', performance.now())).toBe(45_000)
    vi.advanceTimersByTime(45_000)
    expect(meters.take('a', performance.now())).toBe(0)
  })

  it('remember nobody when nobody has come for two windows, and let go of their timer', () => {
    fakeTime()
    const meters = new Meters(10, WINDOW)
    for (let i = 0; i < 1000; i++) meters.take(`client ${i}`, performance.now())
    expect(meters.size).toBe(1000)
    vi.advanceTimersByTime(2 * WINDOW)
    expect(meters.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('remember a debt until it is paid, however long nobody comes', () => {
    fakeTime()
    const meters = new Meters(10, WINDOW)
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
    const meters = new Meters(10, WINDOW, 1000)
    meters.charge('a', 100, performance.now())
    for (let i = 0; i < 10_000; i++) meters.take(`other ${i}`, performance.now())
    expect(meters.wait('a', performance.now())).toBe(10 * WINDOW)
  })

  it('stay bounded when somebody has debts under a hundred thousand names', () => {
    fakeTime()
    const meters = new Meters(10, WINDOW, 1000)
    for (let i = 0; i < 100_000; i++) meters.charge(String(i), 100, performance.now())
    expect(meters.size).toBeLessThanOrEqual(3000)
  })

  it('stay bounded when somebody comes under a million names', () => {
    fakeTime()
    const meters = new Meters(10, WINDOW, 1000)
    for (let i = 0; i < 1_000_000; i++) meters.take(`2001:db8:${i >> 16}:${i & 0xffff}::/64`, performance.now())
    expect(meters.size).toBeLessThanOrEqual(2000)
  })

  it('have no limit at 0, and remember nobody', () => {
    const meters = new Meters(0, WINDOW)
    for (let i = 0; i < 1000; i++) expect(meters.take('a', 0)).toBe(0)
    expect(meters.size).toBe(0)
  })
})

describe('a quota', () => {
  it('lets each name have its limit, and forgets names that have nothing', () => {
    const quota = new Quota(2)
    expect([quota.take('a'), quota.take('a'), quota.take('a'), quota.take('b')]).toEqual([true, true, false, true])
    quota.release('a')
    expect(quota.take('a')).toBe(true)
    for (const name of ['a', 'a', 'b']) quota.release(name)
    expect(quota.size).toBe(0)
  })

  it('counts nothing without a limit', () => {
    const quota = new Quota(0)
    for (let i = 0; i < 10; i++) expect(quota.take('a')).toBe(true)
    expect(quota.size).toBe(0)
  })
})
