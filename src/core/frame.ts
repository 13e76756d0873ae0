/**
 * Server frames, RFC 6455 section 5.2: unmasked, never fragmented, never compressed. A message is
 * encoded once and the same bytes go to every member.
 */

import type { CloseReason } from './close-reasons.js'

/** Opcodes that the relay writes, RFC 6455 section 11.8. */
export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

type Opcode = (typeof Opcode)[keyof typeof Opcode]

const FIN = 0x80
const EMPTY = Buffer.alloc(0)

/** How many bytes of header a payload of this length needs. */
function headerLength(payloadLength: number): number {
  if (payloadLength < 126) return 2
  return payloadLength < 65_536 ? 4 : 10
}

/**
 * A frame with its header written and its payload still to be filled in, from
 * `frame.length - payloadLength` on.
 */
export function allocFrame(opcode: Opcode, payloadLength: number): Buffer {
  const frame = Buffer.allocUnsafe(headerLength(payloadLength) + payloadLength)
  writeHeader(frame, 0, opcode, payloadLength)
  return frame
}

/** Writes a header at a place. Returns where the payload begins. */
function writeHeader(frame: Buffer, at: number, opcode: Opcode, payloadLength: number): number {
  const header = headerLength(payloadLength)
  frame[at] = FIN | opcode
  if (header === 2) frame[at + 1] = payloadLength
  else if (header === 4) {
    frame[at + 1] = 126
    frame.writeUInt16BE(payloadLength, at + 2)
  } else {
    frame[at + 1] = 127
    frame.writeUIntBE(0, at + 2, 2)
    frame.writeUIntBE(payloadLength, at + 4, 6)
  }
  return at + header
}

/** A whole frame around bytes that are already there. */
export function encodeFrame(opcode: Opcode, payload: Uint8Array): Buffer {
  const frame = allocFrame(opcode, payload.length)
  frame.set(payload, frame.length - payload.length)
  return frame
}

/** A text frame. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const frame = allocFrame(Opcode.text, length)
  frame.write(text, frame.length - length)
  return frame
}

/** Text frames, one behind the other. */
export function textFrames(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text))
  const frames = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + headerLength(length) + length, 0))
  let at = 0
  for (const [i, text] of texts.entries()) {
    at = writeHeader(frames, at, Opcode.text, lengths[i] ?? 0)
    at += frames.write(text, at)
  }
  return frames
}

/** A text frame that holds a value as JSON. */
export function jsonFrame(value: object): Buffer {
  return textFrame(JSON.stringify(value))
}

/** A close frame, RFC 6455 section 5.5.1. */
export function closeFrame({ code, reason }: CloseReason): Buffer {
  const length = Buffer.byteLength(reason)
  const frame = allocFrame(Opcode.close, 2 + length)
  frame.writeUInt16BE(code, frame.length - length - 2)
  frame.write(reason, frame.length - length)
  return frame
}

/** The payload of a whole frame. */
export function payloadOf(frame: Buffer): Buffer {
  const [, length = 0] = frame
  return frame.subarray(length < 126 ? 2 : length === 126 ? 4 : 10)
}

/** A ping without payload. */
export const PING = encodeFrame(Opcode.ping, EMPTY)
