/** Client frames, RFC 6455 section 5.2: masked, made once and only patched for each message. */

/** A fixed key: a random one for each frame would cost the load generator more and the server the same. */
const MASK = Buffer.from([0x9d, 0x3c, 0x51, 0xe7])
const FIN = 0x80
const MASKED = 0x80

export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

/** A whole frame, and where its payload starts. */
export function encodeFrame(opcode, payload) {
  const { length } = payload
  const start = (length < 126 ? 2 : length < 65_536 ? 4 : 10) + MASK.length
  const frame = Buffer.alloc(start + length)
  frame[0] = FIN | opcode
  if (length < 126) frame[1] = MASKED | length
  else if (length < 65_536) {
    frame[1] = MASKED | 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = MASKED | 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  MASK.copy(frame, start - MASK.length)
  for (let index = 0; index < length; index++) frame[start + index] = payload[index] ^ MASK[index & 3]
  return { frame, start }
}

export const textFrame = (text) => encodeFrame(Opcode.text, Buffer.from(text)).frame

/** Writes decimal digits into the masked payload of a frame. */
export function patchDigits(frame, start, offset, digits, number) {
  let rest = number
  for (let index = offset + digits - 1; index >= offset; index--) {
    const digit = rest % 10
    frame[start + index] = (48 + digit) ^ MASK[index & 3]
    rest = (rest - digit) / 10
  }
}

/** Reads decimal digits from an unmasked payload. */
export function readDigits(buffer, at, digits) {
  let number = 0
  for (let index = at; index < at + digits; index++) number = number * 10 + buffer[index] - 48
  return number
}
