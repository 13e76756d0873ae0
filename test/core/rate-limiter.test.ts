import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FloodGuard, RateLimiter } from '../../src/core/rate-limiter.js'

describe('a meter that refuses', () => {
  it('passes exactly the limit in a burst', () => {
    const meter = new RateLimiter(100, 1000)
    const passed = Array.from({ length: 250 }, (_, i) => meter.admit(5000 + i)).filter(Boolean)
    expect(passed).toHaveLength(100)
  })

  it('passes the limit in each window, however long it goes on', () => {
    const meter = new RateLimiter(10, 1000)
    let passed = 0
    for (let now = 0; now < 60_000; now += 10) if (meter.admit(now)) passed++
    expect(passed).toBe(600)
  })

  it('never refuses who stays below the limit', () => {
    const meter = new RateLimiter(10, 1000)
    for (let now = 0; now < 60_000; now += 100) expect(meter.admit(now)).toBe(true)
  })

  it('is free again when the window has ended', () => {
    const meter = new RateLimiter(1, 1000)
    expect([meter.admit(0), meter.admit(999), meter.admit(1000)]).toEqual([true, false, true])
  })

  it('has no limit at 0', () => {
    const meter = new RateLimiter(0, 1000)
    expect(Array.from({ length: 1000 }, () => meter.admit(1)).every(Boolean)).toBe(true)
    expect(meter.charge(1e9, 1)).toBe(0)
  })
})

describe('a meter that slows down', () => {
  it('holds a sender to its rate over any length of time, and never one that is slower', () => {
    const steps = fc.array(fc.record({ units: fc.nat(50), pause: fc.nat(300) }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 40 }), (sends, limit) => {
        const meter = new RateLimiter(limit, 1000)
        let now = 0
        let total = 0
        for (const { units, pause } of sends) {
          // A sender that is told to wait does.
          now += pause + meter.charge(units, now + pause)
          total += units
        }
        // What came within the window that has begun is free; all before it kept to the rate.
        expect(total).toBeLessThanOrEqual(limit * (Math.floor(now / 1000) + 2))
      }),
    )
  })

  it('asks for no more patience than the debt is worth', () => {
    const meter = new RateLimiter(10, 1000)
    expect(meter.charge(10, 0)).toBe(0)
    expect(meter.charge(1, 400)).toBe(600)
    expect(meter.charge(9, 1000)).toBe(0)
    expect(meter.charge(30, 1500)).toBe(3500)
  })
})

const onTime = { began: () => Number.POSITIVE_INFINITY }

describe('a gate', () => {
  it("calls it flooding after 10 windows' worth of refusals", () => {
    const gate = new FloodGuard(5, 1000, onTime)
    const verdicts = Array.from({ length: 57 }, (_, i) => gate.judge(i))
    expect(verdicts.slice(0, 5)).toEqual(Array(5).fill('pass'))
    expect(verdicts.slice(5, 55)).toEqual(Array(50).fill('refuse'))
    expect(verdicts.slice(55)).toEqual(['flood', 'flood'])
  })

  it('forgets refusals after a window without any', () => {
    const gate = new FloodGuard(1, 1000, onTime)
    for (let round = 0; round < 100; round++) {
      const now = round * 3000
      expect([gate.judge(now), gate.judge(now + 1), gate.judge(now + 2)]).toEqual(['pass', 'refuse', 'refuse'])
    }
  })

  it('does not forget them while every window has some', () => {
    const gate = new FloodGuard(1, 1000, onTime)
    const verdicts = Array.from({ length: 40 }, (_, i) => gate.judge(i * 500))
    expect(verdicts).toContain('flood')
  })
})

describe('a gate, of what waited for the relay (10.19)', () => {
  /** Sends at `rate` a second for as long as it is asked to; what comes from `stop` to `go` is read then. */
  function refusals(gate: FloodGuard, rate: number, seconds: number, stop: number, go: number): number {
    let refused = 0
    for (let sent = 0; sent < rate * seconds; sent++) {
      const time = (sent * 1000) / rate
      if (gate.judge(time >= stop && time < go ? go : time) !== 'pass') refused++
    }
    return refused
  }

  it('refuses nothing of a sender that kept to the limit, however long the relay stood still', () => {
    const rates = fc.integer({ min: 1, max: 100 })
    const times = fc.integer({ min: 0, max: 5000 })
    fc.assert(
      fc.property(rates, times, fc.integer({ min: 500, max: 60_000 }), (rate, stop, length) => {
        const go = stop + length
        const gate = new FloodGuard(100, 1000, {
          began: (now) => (now >= go && now <= go + 1000 ? stop : Number.POSITIVE_INFINITY),
        })
        expect(refusals(gate, rate, 70, stop, go)).toBe(0)
      }),
    )
  })

  it('refuses nothing of a sender that kept to the limit while the relay did not read it', () => {
    const gate = new FloodGuard(100, 1000, onTime)
    let told = false
    const stop = 1500
    const go = 5500
    const judge = gate.judge.bind(gate)
    gate.judge = (now) => {
      if (now >= go && !told) gate.delayed(go - stop, go)
      told ||= now >= go
      return judge(now)
    }
    expect(refusals(gate, 50, 20, stop, go)).toBe(0)
  })

  it('lets no more pass than the limit, over the whole time, of a sender that gets itself slowed down on purpose', () => {
    const gate = new FloodGuard(100, 1000, onTime)
    let passed = 0
    let now = 0
    for (; now < 60_000; now += 1100) {
      for (let i = 0; i < 1000; i++) if (gate.judge(now) === 'pass') passed++
      gate.delayed(1000, now + 1100)
    }
    expect(passed).toBeLessThanOrEqual(100 * (now / 1000 + 1))
  })

  it('has exactly the limit for a burst when the relay was not late', () => {
    const gate = new FloodGuard(100, 1000, onTime)
    gate.delayed(5000, 1000)
    expect(Array.from({ length: 103 }, () => gate.judge(9000)).filter((verdict) => verdict === 'pass')).toHaveLength(
      100,
    )
  })
})
