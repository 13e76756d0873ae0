import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { WarningSummary } from '../../src/observability/warning-summary.js'

describe('a flood of warnings', () => {
  let lines: Record<string, unknown>[] = []
  let digest: WarningSummary

  beforeEach(() => {
    vi.useFakeTimers()
    lines = []
    const write = (line: string): void => {
      const { level: _, ...entry } = JSON.parse(line) as Record<string, unknown>
      lines.push(entry)
    }
    digest = new WarningSummary(pino({ base: null, timestamp: false }, { write }))
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('from one client is summed up, not repeated', () => {
    for (let i = 0; i < 500; i++) digest.warn('a', 'Rate limit exceeded', () => ({ connectionId: 'a' }))
    digest.warn('b', 'Rate limit exceeded', () => ({ connectionId: 'b' }))
    digest.warn('a', 'Message refused', () => ({ connectionId: 'a' }))
    const first = [
      { connectionId: 'a', msg: 'Rate limit exceeded' },
      { connectionId: 'b', msg: 'Rate limit exceeded' },
      { connectionId: 'a', msg: 'Message refused' },
    ]
    expect(lines).toEqual(first)
    vi.advanceTimersByTime(10_000)
    expect(lines.slice(3)).toEqual([{ connectionId: 'a', repeated: 499, msg: 'Rate limit exceeded (repeated)' }])
    digest.warn('a', 'Rate limit exceeded', () => ({ connectionId: 'a' }))
    expect(lines).toHaveLength(5)
  })

  it('from ever new clients is summed up as well', () => {
    for (let i = 0; i < 5000; i++) digest.warn(`client ${i}`, 'Room is full', () => ({ connectionId: i }))
    expect(lines).toHaveLength(100)
    vi.advanceTimersByTime(10_000)
    expect(lines).toHaveLength(101)
    expect(lines.at(-1)).toEqual({ connectionId: 'various', repeated: 4900, msg: 'Room is full (repeated)' })
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a flood of comings and goings (10.2)', () => {
  it('is summed up beyond some thousands of lines, whatever clients do', () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const lines: string[] = []
    const digest = new WarningSummary(
      pino({ base: null, timestamp: false }, { write: (line) => void lines.push(line) }),
    )
    for (let i = 0; i < 5000; i++) {
      digest.info('User joined room', () => ({ connectionId: i }))
      digest.info('User left room', () => ({ connectionId: i }))
      digest.debug('Connection opened', () => ({ connectionId: i }))
      digest.warn(`client ${i}`, 'Rate limit exceeded', () => ({ connectionId: i }))
      digest.error(new Error(`for ${i}`), 'Fault in a dialect or a hook')
    }
    // The flood of one kind hides none of another.
    for (const message of ['User joined room', 'Rate limit exceeded', 'Fault in a dialect or a hook']) {
      expect(lines.some((line) => line.includes(message))).toBe(true)
    }
    vi.advanceTimersByTime(10_000)
    expect(lines.length).toBeLessThan(2200)
    const repeated = lines.map((line) => (JSON.parse(line) as { repeated?: number }).repeated ?? 1)
    expect(repeated.reduce((sum, count) => sum + count)).toBe(20_000)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('an error that cannot be read (10.1)', () => {
  const boom = (): never => {
    throw new Error('boom')
  }

  it.each([
    ['with a getter that throws', Object.defineProperty(new Error('x'), 'more', { enumerable: true, get: boom })],
    ['with a stack that cannot be read', Object.defineProperty(new Error('x'), 'stack', { get: boom })],
    ['with a stack that is none', Object.assign(new Error('x'), { stack: Symbol('stack') })],
    ['with a name that is none', Object.assign(new Error('x'), { name: Symbol('name') })],
    ['without a prototype', Object.create(null)],
    ['that is no text', { toString: boom }],
    ['behind a proxy', new Proxy(new Error('x'), { get: boom, getPrototypeOf: boom })],
  ])('%s is logged all the same, and counted', (_, error) => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const messages: string[] = []
    const write = (line: string): void => void messages.push((JSON.parse(line) as { msg: string }).msg)
    const digest = new WarningSummary(pino({ base: null }, { write }))
    for (let i = 0; i < 3; i++) digest.error(error, 'Fault', () => ({ connectionId: 'a' }))
    vi.advanceTimersByTime(10_000)
    expect(messages).toEqual(['Fault', 'Fault (repeated)'])
  })
})
