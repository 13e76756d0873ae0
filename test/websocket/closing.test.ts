import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { closes } from '../../src/core/close-reasons.js'
import { Deadlines } from '../../src/core/deadlines.js'
import { Closing, type ClosingConnection, type ClosingReader } from '../../src/websocket/closing.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** A closing, and what it has done to its connection. */
function closing(sendClose = (_closing: Closing): void => {}) {
  const done: string[] = []
  const reader = { done: false, hold: () => done.push('hold'), readToEnd: () => done.push('read on') }
  const connection: ClosingConnection = {
    sendClose(frame) {
      done.push(frame.length > 2 ? `close ${frame.readUInt16BE(2)}` : 'close')
      sendClose(subject)
    },
    endSocket: () => done.push('FIN'),
    terminate: () => done.push('cut'),
  }
  const timeouts = new Deadlines<ClosingConnection>((item) => item.terminate())
  const subject = new Closing(connection, reader satisfies ClosingReader, timeouts)
  return { subject, done, reader, timeouts }
}

describe('a closing', () => {
  it("sends a close frame, reads on for the client's, and then ends the socket", () => {
    const { subject, done } = closing()
    subject.send(closes.roomFull)
    expect(done).toEqual(['close 1013', 'read on'])
    subject.answer(1013, '')
    expect(done.slice(2)).toEqual(['FIN', 'read on'])
  })

  it('answers a close frame with its code, or without one, and ends the socket', () => {
    for (const [code, answer] of [
      [4000, 'close 4000'],
      [1005, 'close'],
    ] as const) {
      const { subject, done, reader } = closing()
      reader.done = true
      subject.answer(code, '')
      expect(done).toEqual([answer, 'FIN', 'read on'])
    }
  })

  it('awaits no close frame after a broken one', () => {
    const { subject, done, reader } = closing()
    reader.done = true
    subject.send(closes.protocolError)
    expect(done).toEqual(['close 1002', 'FIN', 'read on'])
  })

  it('ends the socket when a broken frame comes instead of a close frame', () => {
    const { subject, done } = closing()
    subject.send(closes.roomFull)
    subject.fail()
    expect(done).toEqual(['close 1013', 'read on', 'FIN', 'read on'])
  })

  it('that is delayed reads nothing, and then goes on like any other', () => {
    const { subject, done, timeouts } = closing()
    subject.delay(closes.roomFull)
    expect(done).toEqual(['hold'])
    expect(timeouts.size).toBe(0)
    subject.sendDelayed()
    expect(done).toEqual(['hold', 'close 1013', 'read on'])
  })

  it('that is delayed sends its close frame also to a client that breaks the rules meanwhile', () => {
    const { subject, done, reader } = closing()
    subject.delay(closes.roomFull)
    reader.done = true
    subject.fail()
    subject.sendDelayed()
    expect(done).toEqual(['hold', 'close 1013', 'FIN', 'read on'])
  })

  it('that is delayed sends nothing to a client that hangs up meanwhile', () => {
    const { subject, done } = closing()
    subject.delay(closes.roomFull)
    subject.end()
    subject.sendDelayed()
    expect(done).toEqual(['hold', 'FIN', 'read on'])
  })

  it('ends the socket once', () => {
    const { subject, done } = closing()
    subject.end()
    subject.end()
    subject.fail()
    subject.send(closes.roomFull)
    expect(done).toEqual(['FIN', 'read on'])
  })

  it('cuts the socket after 10 seconds, counted from the first step', () => {
    const { subject, done } = closing()
    subject.send(closes.roomFull)
    vi.advanceTimersByTime(9000)
    subject.end()
    vi.advanceTimersByTime(999)
    expect(done).not.toContain('cut')
    vi.advanceTimersByTime(2)
    expect(done).toContain('cut')
  })

  it('reads 64 KiB more, and cuts a client that sends more after a second', () => {
    const { subject, done } = closing()
    subject.send(closes.flooding)
    expect(subject.floods(64 * 1024)).toBe(false)
    expect(subject.floods(1)).toBe(true)
    vi.advanceTimersByTime(999)
    expect(done).not.toContain('cut')
    vi.advanceTimersByTime(2)
    expect(done).toContain('cut')
  })

  it('leaves no timer when the socket closes', () => {
    const { subject, done, timeouts } = closing()
    subject.send(closes.roomFull)
    subject.stop()
    expect(timeouts.size).toBe(0)
    subject.end()
    expect(done).not.toContain('FIN')
  })

  it('does no more when its close frame is too much for the send budget', () => {
    const { subject, done, timeouts } = closing((closing) => closing.stop())
    subject.send(closes.roomFull)
    expect(done).toEqual(['close 1013'])
    expect(timeouts.size).toBe(0)
  })
})
