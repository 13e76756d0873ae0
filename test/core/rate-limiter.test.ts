import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RateLimiter } from '../../src/core/rate-limiter.js'

describe('a rate limiter that refuses', () => {
  it('passes exactly the limit in a burst', () => {
    const limiter = new RateLimiter(100, 1000)
    const passed = Array.from({ length: 250 }, (_, i) => limiter.admit(5000 + i)).filter(Boolean)
    expect(passed).toHaveLength(100)
  })

  it('passes the limit in each window, however long it goes on', () => {
    const limiter = new RateLimiter(10, 1000)
    let passed = 0
    for (let now = 0; now < 60_000; now += 10) if (limiter.admit(now)) passed++
    expect(passed).toBe(600)
  })

  it('never refuses who stays below the limit', () => {
    const limiter = new RateLimiter(10, 1000)
    for (let now = 0; now < 60_000; now += 100) expect(limiter.admit(now)).toBe(true)
  })

  it('is free again when the window has ended', () => {
    const limiter = new RateLimiter(1, 1000)
    expect([limiter.admit(0), limiter.admit(999), limiter.admit(1000)]).toEqual([true, false, true])
  })

  it('has no limit at 0', () => {
    const limiter = new RateLimiter(0, 1000)
    expect(Array.from({ length: 1000 }, () => limiter.admit(1)).every(Boolean)).toBe(true)
    expect(limiter.charge(1e9, 1)).toBe(0)
  })
})

describe('a rate limiter that slows down', () => {
  it('holds a sender to its rate over any length of time, and never one that is slower', () => {
    const steps = fc.array(fc.record({ units: fc.nat(50), pause: fc.nat(300) }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 40 }), (sends, limit) => {
        const limiter = new RateLimiter(limit, 1000)
        let now = 0
        let total = 0
        for (const { units, pause } of sends) {
          // A sender that is told to wait does.
          now += pause + limiter.charge(units, now + pause)
          total += units
        }
        // What came within the window that has begun is free; all before it kept to the rate.
        expect(total).toBeLessThanOrEqual(limit * (Math.floor(now / 1000) + 2))
      }),
    )
  })

  it('asks for no more patience than the debt is worth', () => {
    const limiter = new RateLimiter(10, 1000)
    expect(limiter.charge(10, 0)).toBe(0)
    expect(limiter.charge(1, 400)).toBe(600)
    expect(limiter.charge(9, 1000)).toBe(0)
    expect(limiter.charge(30, 1500)).toBe(3500)
  })
})
