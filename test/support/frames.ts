/** A server frame, taken apart. */
export interface Decoded {
  opcode: number
  payload: Buffer
}

/** Takes apart whole, unmasked frames that stand one after the other. */
export function decodeFrames(bytes: Buffer): Decoded[] {
  const frames: Decoded[] = []
  for (let at = 0; at < bytes.length; ) {
    const opcode = bytes.readUInt8(at) & 0x0f
    let length = bytes.readUInt8(at + 1)
    at += 2
    if (length === 126) {
      length = bytes.readUInt16BE(at)
      at += 2
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at))
      at += 8
    }
    frames.push({ opcode, payload: bytes.subarray(at, at + length) })
    at += length
  }
  return frames
}
