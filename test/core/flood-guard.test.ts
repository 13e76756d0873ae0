import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FloodGuard } from '../../src/core/flood-guard.js'

const onTime = { began: () => Number.POSITIVE_INFINITY }

describe('a flood guard', () => {
  it("calls it flooding after 10 windows' worth of refusals", () => {
    const guard = new FloodGuard(5, 1000, onTime)
    const verdicts = Array.from({ length: 57 }, (_, i) => guard.judge(i))
    expect(verdicts.slice(0, 5)).toEqual(Array(5).fill('pass'))
    expect(verdicts.slice(5, 55)).toEqual(Array(50).fill('refuse'))
    expect(verdicts.slice(55)).toEqual(['flood', 'flood'])
  })

  it('forgets refusals after a window without any', () => {
    const guard = new FloodGuard(1, 1000, onTime)
    for (let round = 0; round < 100; round++) {
      const now = round * 3000
      expect([guard.judge(now), guard.judge(now + 1), guard.judge(now + 2)]).toEqual(['pass', 'refuse', 'refuse'])
    }
  })

  it('does not forget them while every window has some', () => {
    const guard = new FloodGuard(1, 1000, onTime)
    const verdicts = Array.from({ length: 40 }, (_, i) => guard.judge(i * 500))
    expect(verdicts).toContain('flood')
  })
})

describe('a flood guard, of what waited for the relay (10.19)', () => {
  /** Sends at `rate` a second for as long as it is asked to; what comes from `stop` to `go` is read then. */
  function refusals(guard: FloodGuard, rate: number, seconds: number, stop: number, go: number): number {
    let refused = 0
    for (let sent = 0; sent < rate * seconds; sent++) {
      const time = (sent * 1000) / rate
      if (guard.judge(time >= stop && time < go ? go : time) !== 'pass') refused++
    }
    return refused
  }

  it('refuses nothing of a sender that kept to the limit, however long the relay stood still', () => {
    const rates = fc.integer({ min: 1, max: 100 })
    const times = fc.integer({ min: 0, max: 5000 })
    fc.assert(
      fc.property(rates, times, fc.integer({ min: 500, max: 60_000 }), (rate, stop, length) => {
        const go = stop + length
        const guard = new FloodGuard(100, 1000, {
          began: (now) => (now >= go && now <= go + 1000 ? stop : Number.POSITIVE_INFINITY),
        })
        expect(refusals(guard, rate, 70, stop, go)).toBe(0)
      }),
    )
  })

  it('refuses nothing of a sender that kept to the limit while the relay did not read it', () => {
    const guard = new FloodGuard(100, 1000, onTime)
    let told = false
    const stop = 1500
    const go = 5500
    const judge = guard.judge.bind(guard)
    guard.judge = (now) => {
      if (now >= go && !told) guard.delayed(go - stop, go)
      told ||= now >= go
      return judge(now)
    }
    expect(refusals(guard, 50, 20, stop, go)).toBe(0)
  })

  it('lets no more pass than the limit, over the whole time, of a sender that gets itself slowed down on purpose', () => {
    const guard = new FloodGuard(100, 1000, onTime)
    let passed = 0
    let now = 0
    for (; now < 60_000; now += 1100) {
      for (let i = 0; i < 1000; i++) if (guard.judge(now) === 'pass') passed++
      guard.delayed(1000, now + 1100)
    }
    expect(passed).toBeLessThanOrEqual(100 * (now / 1000 + 1))
  })

  it('has exactly the limit for a burst when the relay was not late', () => {
    const guard = new FloodGuard(100, 1000, onTime)
    guard.delayed(5000, 1000)
    expect(Array.from({ length: 103 }, () => guard.judge(9000)).filter((verdict) => verdict === 'pass')).toHaveLength(
      100,
    )
  })
})
