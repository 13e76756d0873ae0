/** A connection with a message that has come in part. */
export interface UnfinishedSource {
  /** Whether the relay has stopped reading it: then its message cannot go on. */
  readonly stopped: boolean
  /** Its user or address. Empty if unknown. */
  readonly client: string
  /** Gives up the message: it comes too slowly, or all unfinished messages together take too much memory. */
  giveUp(why: 'slow' | 'total'): void
}

/** What is known of an unfinished message. */
interface Progress {
  /** Bytes that are kept of it. */
  bytes: number
  /** The most that were ever kept. */
  most: number
  /** `most` at the last look. */
  before: number
  /** How many looks in a row found it too slow. */
  late: number
  /** When some of it came last, in milliseconds of `performance.now()`. */
  cameAt: number
}

/** Milliseconds between two looks at how unfinished messages go on. */
const INTERVAL = 5000

/** Bytes by which a message should have grown since the last look: 1 KiB a second. */
const GROWTH = 5 * 1024

/** A message is given up when so many looks in a row have found it too slow. */
const PATIENCE = 6

/** Bytes that are kept of most messages that have just begun: to give these up would free next to nothing. */
const LITTLE = 4096

/** Share of the limit that is freed when it is reached, so that not every read has to free some. */
const SPARE = 0.1

/**
 * The unfinished messages of all connections. A message is given up when less than about 1 KiB a second has come of it
 * for 30 s. So a long message has the time that it takes on a slow link. When all together pass the limit, those that
 * have been slow for longest are given up first, then those of the user or address that has most of them, then those of
 * which nothing came for longest.
 */
export class UnfinishedMessages {
  readonly #limit: number
  readonly #sources = new Map<UnfinishedSource, Progress>()
  #total = 0
  #timer: NodeJS.Timeout | undefined

  /** @param limit In bytes; 0 means none. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes that are kept now, and for how many messages. */
  measure(): { bytes: number; messages: number } {
    return { bytes: this.#total, messages: this.#sources.size }
  }

  /**
   * Notes what is kept of the message of a source.
   *
   * @param begun Whether that is another message than the last time.
   */
  set(source: UnfinishedSource, bytes: number, begun: boolean): void {
    const known = this.#sources.get(source)
    this.#total += bytes - (known?.bytes ?? 0)
    if (known && !begun) {
      known.bytes = bytes
      known.most = Math.max(known.most, bytes)
      known.cameAt = performance.now()
    } else {
      this.#sources.set(source, { bytes, most: bytes, before: 0, late: 0, cameAt: performance.now() })
      this.#timer ??= setInterval(() => this.#look(), INTERVAL).unref()
    }
    if (this.#limit > 0 && this.#total > this.#limit) this.#makeRoom()
  }

  /** Nothing is unfinished any more, or the connection is closed. */
  delete(source: UnfinishedSource): void {
    const known = this.#sources.get(source)
    if (!known) return
    this.#total -= known.bytes
    this.#sources.delete(source)
  }

  /** Stops the timer. */
  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    if (this.#sources.size === 0) this.stop()
    for (const [source, progress] of this.#sources) {
      if (source.stopped) continue
      progress.late = progress.most - progress.before < GROWTH ? progress.late + 1 : 0
      progress.before = progress.most
      if (progress.late >= PATIENCE) this.#giveUp(source, 'slow')
    }
  }

  #makeRoom(): void {
    const target = this.#limit * (1 - SPARE)
    for (const source of this.#inOrder()) {
      if (this.#total <= target) return
      this.#giveUp(source, 'total')
    }
  }

  /** All sources, in the order in which they are given up. */
  #inOrder(): UnfinishedSource[] {
    const shares = new Map<string, number>()
    for (const [{ client }, { bytes }] of this.#sources) shares.set(client, (shares.get(client) ?? 0) + bytes)
    return [...this.#sources]
      .map(([source, progress]) => ({ source, ...progress, share: shares.get(source.client) ?? 0 }))
      .sort(
        (a, b) =>
          Number(a.bytes < LITTLE) - Number(b.bytes < LITTLE) ||
          b.late - a.late ||
          b.share - a.share ||
          a.cameAt - b.cameAt,
      )
      .map(({ source }) => source)
  }

  #giveUp(source: UnfinishedSource, why: 'slow' | 'total'): void {
    this.delete(source)
    source.giveUp(why)
  }
}
