import { describe, expect, it } from 'vitest'
import { CountLimiter } from '../../src/core/count-limiter.js'

describe('a count limiter', () => {
  it('lets each name have its limit, and forgets names that have nothing', () => {
    const limiter = new CountLimiter(2)
    expect([limiter.take('a'), limiter.take('a'), limiter.take('a'), limiter.take('b')]).toEqual([
      true,
      true,
      false,
      true,
    ])
    limiter.release('a')
    expect(limiter.take('a')).toBe(true)
    for (const name of ['a', 'a', 'b']) limiter.release(name)
    expect(limiter.size).toBe(0)
  })

  it('counts nothing without a limit', () => {
    const limiter = new CountLimiter(0)
    for (let i = 0; i < 10; i++) expect(limiter.take('a')).toBe(true)
    expect(limiter.size).toBe(0)
  })
})
