import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BUFFER_COST, type BudgetedConsumer, SendBudget } from '../../src/websocket/send-budget.js'

const KIB = 1024

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

/** A slow consumer that has some bytes waiting. */
class FakeConsumer implements BudgetedConsumer {
  tookAt = performance.now()
  state: 'behind' | 'caught up' | 'dropped' | 'cut off' = 'behind'
  /** Whether it has been sent all, unnoticed so far. */
  sentAll = false
  readonly #budget: SendBudget
  #bytes: number

  constructor(budget: SendBudget, bytes: number) {
    this.#budget = budget
    this.#bytes = bytes
    budget.charge(bytes)
    budget.progressed(this)
  }

  settle(): void {
    if (this.sentAll) this.#leave('caught up')
  }

  drop(): void {
    this.state = 'dropped'
  }

  cutOff(): void {
    this.#leave('cut off')
  }

  #leave(state: 'caught up' | 'cut off'): void {
    this.state = state
    this.#budget.charge(-this.#bytes)
    this.#bytes = 0
    this.#budget.forget(this)
  }
}

describe('the send budget', () => {
  it('counts bytes once, however many wait for them, until the last has released them', () => {
    const budget = new SendBudget(0)
    const bytes = Buffer.allocUnsafeSlow(10 * KIB)
    const shared = budget.hold(bytes)
    expect(budget.hold(bytes)).toBe(shared)
    expect(budget.measure().bytes).toBe(10 * KIB + BUFFER_COST)
    budget.release(shared)
    expect(budget.measure().bytes).toBe(10 * KIB + BUFFER_COST)
    budget.release(shared)
    expect(budget.measure().bytes).toBe(0)
  })

  it('keeps a copy of bytes that are a small part of a larger buffer', () => {
    const part = Buffer.allocUnsafeSlow(64 * KIB)
      .subarray(10, 20)
      .fill('x')
    const { bytes } = new SendBudget(0).hold(part)
    expect(bytes.toString()).toBe('x'.repeat(10))
    expect(bytes.buffer.byteLength).toBe(10)
  })

  it('is tight when half of it is in use, and never without a limit', () => {
    const [budget, unlimited] = [new SendBudget(100), new SendBudget(0)]
    for (const each of [budget, unlimited]) each.charge(50)
    expect(budget.tight).toBe(false)
    for (const each of [budget, unlimited]) each.charge(1)
    expect(budget.tight).toBe(true)
    expect(unlimited.tight).toBe(false)
  })

  it('cuts consumers off until the rest fits, those first that have taken nothing for longest', () => {
    const budget = new SendBudget(250)
    const [first, second, third] = [
      new FakeConsumer(budget, 100),
      new FakeConsumer(budget, 100),
      new FakeConsumer(budget, 100),
    ]
    budget.progressed(first)
    budget.enforce()
    expect([first.state, second.state, third.state]).toEqual(['behind', 'cut off', 'behind'])
    expect(budget.measure()).toEqual({ bytes: 200, connections: 2 })
  })

  it('cuts off nobody who has been sent all by now', () => {
    const budget = new SendBudget(150)
    const [done, behind] = [new FakeConsumer(budget, 100), new FakeConsumer(budget, 100)]
    done.sentAll = true
    budget.enforce()
    expect([done.state, behind.state]).toEqual(['caught up', 'behind'])
  })

  it('drops a consumer that takes nothing for 30 seconds, and leaves no timer when none is left', () => {
    const budget = new SendBudget(0)
    const [stalled, steady] = [new FakeConsumer(budget, 1), new FakeConsumer(budget, 1)]
    vi.advanceTimersByTime(20_000)
    steady.tookAt = performance.now()
    vi.advanceTimersByTime(11_000)
    expect([stalled.state, steady.state]).toEqual(['dropped', 'behind'])
    for (const consumer of [stalled, steady]) consumer.sentAll = true
    vi.advanceTimersByTime(1000)
    expect(vi.getTimerCount()).toBe(0)
  })
})
