/** What is open of one dialect. */
export interface DialectCounts {
  rooms: number
  members: number
}

/** What is open. Rooms that several nodes host are counted by one of them. */
export interface Totals {
  readonly connections: number
  readonly rooms: number
  /** Rooms of the `pluresdb` dialect. */
  readonly topics: number
  /** Members of these that are connected to this node. */
  readonly peers: number
}

/** Batches of up to 1, 2, 4, … 1,024 frames, and of more. */
const BUCKETS = 12

/** How many frames the batches had. */
export class BatchSizes {
  /** How many batches had up to 1, 2, 4, … 1,024 frames and more than the place before; the last had still more. */
  readonly buckets: number[] = new Array<number>(BUCKETS).fill(0)
  /** Frames of all batches together. */
  frames = 0

  /** Notes a batch of one frame or more. */
  record(frames: number): void {
    this.frames += frames
    const place = Math.min(32 - Math.clz32(frames - 1), BUCKETS - 1)
    this.buckets[place] = (this.buckets[place] ?? 0) + 1
  }
}

/** Plain integers, counted on the way of the messages and read elsewhere. */
export class Counters {
  connections = 0
  disconnections = 0
  messagesReceived = 0
  bytesReceived = 0
  /** Messages handed on to a room. */
  messagesRelayed = 0
  /** Messages and notices of rooms that were written, one time for each recipient. */
  deliveries = 0
  /** Bytes of frames written, one time for each recipient. */
  bytesSent = 0
  rateLimitsHit = 0
  /** Bytes of messages that wait until slow readers have caught up. */
  keptBytes = 0
  readonly batches = new BatchSizes()
  readonly #dialects = new Map<string, DialectCounts>()

  /** How many rooms are open, of all dialects. */
  get rooms(): number {
    let rooms = 0
    for (const counts of this.#dialects.values()) rooms += counts.rooms
    return rooms
  }

  /** What is open of a dialect. */
  dialect(dialect: string): DialectCounts {
    let counts = this.#dialects.get(dialect)
    if (!counts) this.#dialects.set(dialect, (counts = { rooms: 0, members: 0 }))
    return counts
  }
}
