/** Copies in memory of their own: a part keeps the whole of what it was cut out of in memory for as long as it lives. */

/** A copy of a text that may be part of a longer one, such as a URL. */
export function copyText(text: string): string {
  return Buffer.from(text).toString()
}

/** Bytes that may be views of larger buffers, such as a read or Node's pool, joined. */
export function copyBytes(pieces: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const piece of pieces) length += piece.length
  const copy = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const piece of pieces) {
    copy.set(piece, at)
    at += piece.length
  }
  return copy
}
