/** The bytes of frames between nodes: numbers, texts and lists, big-endian. */

/** The longest `peerId` is 128 UTF-16 code units, which are at most 3 bytes each. */
const MAX_TEXT = 512

/** Half of a pair of UTF-16 code units without the other: clients may use it in names, and UTF-8 has no bytes for it. */
const LONE_SURROGATE = /\p{Surrogate}/u

/** Marks the length of a text that is in UTF-16, for the sake of such a half. */
const UTF16 = 0x8000

/** A frame that is not what it should be. */
export class Malformed extends Error {}

const DOUBLE = 8

/** Collects the pieces of a frame, and copies them together once. */
export class ByteWriter {
  readonly #pieces: (number | string | Buffer)[] = []
  readonly #sizes: number[] = []
  #length = 0

  byte(value: number): void {
    this.#add(value, 1)
  }

  /** A number up to 2^53, as a double: exact, and enough for microseconds since 1970. */
  number(value: number): void {
    this.#add(value, DOUBLE)
  }

  hex(value: string): void {
    this.#add(Buffer.from(value, 'hex'), value.length / 2)
  }

  text(value: string): void {
    if (LONE_SURROGATE.test(value)) {
      this.#add(UTF16 | (2 * value.length), 2)
      this.#add(Buffer.from(value, 'utf16le'), 2 * value.length)
      return
    }
    const length = Buffer.byteLength(value)
    this.#add(length, 2)
    this.#add(value, length)
  }

  bytes(value: Buffer): void {
    this.#size(value.length)
    this.#add(value, value.length)
  }

  list<T>(items: readonly T[], each: (to: ByteWriter, item: T) => void): void {
    this.#size(items.length)
    for (const item of items) each(this, item)
  }

  /** @param spare Bytes to leave free at the end. */
  end(spare = 0): Buffer {
    const frame = Buffer.allocUnsafeSlow(this.#length + spare)
    let at = 0
    for (const [i, piece] of this.#pieces.entries()) {
      const size = this.#sizes[i] ?? 0
      if (typeof piece === 'string') frame.write(piece, at)
      else if (typeof piece === 'object') piece.copy(frame, at)
      else if (size === DOUBLE) frame.writeDoubleBE(piece, at)
      else frame.writeUIntBE(piece, at, size)
      at += size
    }
    return frame
  }

  #size(length: number): void {
    this.#add(length, 4)
  }

  #add(piece: number | string | Buffer, length: number): void {
    this.#pieces.push(piece)
    this.#sizes.push(length)
    this.#length += length
  }
}

/** Takes a frame apart, and never reads behind its end. */
export class ByteReader {
  readonly #frame: Buffer
  #at: number

  constructor(frame: Buffer, at: number) {
    this.#frame = frame
    this.#at = at
  }

  /** How many bytes are left. */
  get rest(): number {
    return this.#frame.length - this.#at
  }

  byte(): number {
    return this.#take(1).readUInt8()
  }

  number(): number {
    const value = this.#take(DOUBLE).readDoubleBE()
    if (!Number.isSafeInteger(value) || value < 0) throw new Malformed()
    return value
  }

  hex(length: number): string {
    return this.#take(length).toString('hex')
  }

  text(): string {
    const prefix = this.#take(2).readUInt16BE()
    const length = prefix & ~UTF16
    if (length > MAX_TEXT) throw new Malformed()
    return this.#take(length).toString(prefix & UTF16 ? 'utf16le' : 'utf8')
  }

  bytes(): Buffer {
    return this.#take(this.#size())
  }

  list<T>(each: (from: ByteReader) => T): T[] {
    const length = this.#size()
    // Each item takes a byte at least.
    if (length > this.#frame.length - this.#at) throw new Malformed()
    return Array.from({ length }, () => each(this))
  }

  #size(): number {
    return this.#take(4).readUInt32BE()
  }

  #take(length: number): Buffer {
    if (length > this.#frame.length - this.#at) throw new Malformed()
    const taken = this.#frame.subarray(this.#at, this.#at + length)
    this.#at += length
    return taken
  }
}
