import { expect, it, onTestFinished, vi } from 'vitest'
import { EventLoopStalls } from '../../src/core/event-loop-stalls.js'

function watch(): EventLoopStalls {
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const stalls = new EventLoopStalls()
  stalls.watch()
  return stalls
}

it('a loop that stood still is known of before its timers are, and for a second (10.19)', () => {
  const stalls = watch()
  vi.advanceTimersByTime(10_000)
  const stop = performance.now()
  expect(stalls.began(stop)).toBe(Number.POSITIVE_INFINITY)
  for (const later of [4000, 4400, 4800]) expect(stalls.began(stop + later)).toBe(stop)
  expect(stalls.began(stop + 5200)).toBe(Number.POSITIVE_INFINITY)
})

it('stalls in a row count from the first', () => {
  const stalls = watch()
  const start = performance.now()
  expect([600, 1200, 1800, 2400, 3000].map((later) => stalls.began(start + later))).toEqual(Array(5).fill(start))
})

it('nobody is watched for when nobody asks', () => {
  const stalls = watch()
  stalls.watch()
  stalls.unwatch()
  expect(vi.getTimerCount()).toBe(1)
  stalls.unwatch()
  expect(vi.getTimerCount()).toBe(0)
})
