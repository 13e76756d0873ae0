import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closes } from '../../src/core/close-reasons.js'
import { allocFrame, closeFrame, encodeFrame, Opcode, PING, textFrame } from '../../src/core/frame.js'
import { decodeFrames } from '../support/frames.js'

describe('a server frame', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000])('has the right header for %i bytes', (length) => {
    const payload = Buffer.alloc(length, 7)
    const frame = encodeFrame(Opcode.binary, payload)
    expect(frame[0]).toBe(0x82)
    const [decoded, ...more] = decodeFrames(frame)
    // Vitest compares large buffers byte by byte.
    expect([decoded?.opcode, decoded?.payload.equals(payload), more]).toEqual([2, true, []])
    expect(frame.length - length).toBe(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  })

  it('carries any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const [frame] = decodeFrames(textFrame(text))
        expect(frame?.payload.equals(Buffer.from(text))).toBe(true)
      }),
    )
  })

  it('leaves the place for a payload that is still to come', () => {
    const frame = allocFrame(Opcode.text, 3)
    frame.write('abc', frame.length - 3)
    expect(decodeFrames(frame)).toEqual([{ opcode: 1, payload: Buffer.from('abc') }])
  })

  it('says goodbye with a code and a reason', () => {
    const [frame] = decodeFrames(closeFrame(closes.roomFull))
    expect(frame?.opcode).toBe(8)
    expect(frame?.payload.readUInt16BE()).toBe(1013)
    expect(frame?.payload.toString('utf8', 2)).toBe('Room is full')
  })

  it('pings in two bytes', () => {
    expect(PING).toEqual(Buffer.from([0x89, 0]))
  })
})
