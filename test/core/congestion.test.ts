import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Congestion } from '../../src/core/congestion.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

/** A member that reads on until it is told to stop. */
function reader() {
  const member = { onPaceUntil: performance.now() }
  return member
}

const MANY = { length: 100 }

const counters = { keptBytes: 0 }

describe('senders of a room whose readers are behind (10.8)', () => {
  it('wait until the last of them has caught up', async () => {
    const [congestion, one, two] = [new Congestion(MANY, counters), reader(), reader()]
    congestion.add(one)
    congestion.add(two)
    const over = vi.fn()
    void congestion.relief?.then(over)
    congestion.delete(one)
    await vi.advanceTimersByTimeAsync(50)
    expect(over).not.toHaveBeenCalled()
    congestion.delete(two)
    await vi.advanceTimersByTimeAsync(0)
    expect(over).toHaveBeenCalledOnce()
    expect(congestion.relief).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('wait as long as one of them reads on', async () => {
    const [congestion, steady] = [new Congestion(MANY, counters), reader()]
    congestion.add(steady)
    congestion.add(reader())
    const over = vi.fn()
    void congestion.relief?.then(over)
    for (let i = 0; i < 100; i++) {
      await vi.advanceTimersByTimeAsync(100)
      steady.onPaceUntil = performance.now()
    }
    expect(over).not.toHaveBeenCalled()
    congestion.delete(steady)
    await vi.advanceTimersByTimeAsync(100)
    expect(over).toHaveBeenCalledOnce()
  })

  it('do not wait for one that has stopped reading for more than a moment', async () => {
    const congestion = new Congestion(MANY, counters)
    congestion.add(reader())
    const over = vi.fn()
    void congestion.relief?.then(over)
    await vi.advanceTimersByTimeAsync(600)
    expect(over).toHaveBeenCalledOnce()
    expect(congestion.relief).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('wait some seconds where at least half of the room has stopped reading, and no longer', async () => {
    const congestion = new Congestion({ length: 2 }, counters)
    congestion.add(reader())
    const over = vi.fn()
    void congestion.relief?.then(over)
    await vi.advanceTimersByTimeAsync(2900)
    expect(over).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(300)
    expect(over).toHaveBeenCalledOnce()
  })

  it('are kept a few megabytes of, however many rooms there are, and nothing when it is over', () => {
    const rooms = Array.from({ length: 100 }, () => new Congestion(MANY, counters))
    const slow = reader()
    let kept = 0
    for (const room of rooms) {
      room.add(slow)
      expect(room.relief).toBeDefined()
      while (room.keep(1_000_000)) kept += 1_000_000
    }
    expect(kept).toBeGreaterThan(4 * 2 ** 20)
    expect(kept).toBeLessThanOrEqual(32 * 2 ** 20)
    expect(counters.keptBytes).toBe(kept)
    for (const room of rooms) room.delete(slow)
    expect(counters.keptBytes).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })
})
