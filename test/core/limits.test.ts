import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Gate, Meter } from '../../src/core/limits.js'

describe('a meter that refuses', () => {
  it('passes exactly the limit in a burst', () => {
    const meter = new Meter(100, 1000)
    const passed = Array.from({ length: 250 }, (_, i) => meter.admit(5000 + i)).filter(Boolean)
    expect(passed).toHaveLength(100)
  })

  it('passes the limit in each window, however long it goes on', () => {
    const meter = new Meter(10, 1000)
    let passed = 0
    for (let now = 0; now < 60_000; now += 10) if (meter.admit(now)) passed++
    expect(passed).toBe(600)
  })

  it('never refuses who stays below the limit', () => {
    const meter = new Meter(10, 1000)
    for (let now = 0; now < 60_000; now += 100) expect(meter.admit(now)).toBe(true)
  })

  it('is free again when the window has ended', () => {
    const meter = new Meter(1, 1000)
    expect([meter.admit(0), meter.admit(999), meter.admit(1000)]).toEqual([true, false, true])
  })

  it('has no limit at 0', () => {
    const meter = new Meter(0, 1000)
    expect(Array.from({ length: 1000 }, () => meter.admit(1)).every(Boolean)).toBe(true)
    expect(meter.charge(1e9, 1)).toBe(0)
  })
})

describe('a meter that slows down', () => {
  it('holds a sender to its rate over any length of time, and never one that is slower', () => {
    const steps = fc.array(fc.record({ units: fc.nat(50), pause: fc.nat(300) }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 40 }), (sends, limit) => {
        const meter = new Meter(limit, 1000)
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
    const meter = new Meter(10, 1000)
    expect(meter.charge(10, 0)).toBe(0)
    expect(meter.charge(1, 400)).toBe(600)
    expect(meter.charge(9, 1000)).toBe(0)
    expect(meter.charge(30, 1500)).toBe(3500)
  })
})

describe('a gate', () => {
  it("calls it flooding after 10 windows' worth of refusals", () => {
    const gate = new Gate(5, 1000)
    const verdicts = Array.from({ length: 57 }, (_, i) => gate.judge(i))
    expect(verdicts.slice(0, 5)).toEqual(Array(5).fill('pass'))
    expect(verdicts.slice(5, 55)).toEqual(Array(50).fill('refuse'))
    expect(verdicts.slice(55)).toEqual(['flood', 'flood'])
  })

  it('forgets refusals after a window without any', () => {
    const gate = new Gate(1, 1000)
    for (let round = 0; round < 100; round++) {
      const now = round * 3000
      expect([gate.judge(now), gate.judge(now + 1), gate.judge(now + 2)]).toEqual(['pass', 'refuse', 'refuse'])
    }
  })

  it('does not forget them while every window has some', () => {
    const gate = new Gate(1, 1000)
    const verdicts = Array.from({ length: 40 }, (_, i) => gate.judge(i * 500))
    expect(verdicts).toContain('flood')
  })
})
