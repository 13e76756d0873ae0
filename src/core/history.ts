import { payloadOf } from './frame.js'

/** What the relay keeps of rooms at most; 0 means none, except for `history`, where it means nothing is kept. */
export interface HistoryLimits {
  /** Messages of a room. */
  readonly history: number
  /** Their bytes. */
  readonly historyBytes: number
  /** Bytes of all rooms together. */
  readonly historyTotalBytes: number
  /** Milliseconds for which a message is kept. */
  readonly historyAge: number
}

/** A message that is kept. */
export interface Memory {
  readonly text: Buffer
  /** When it was published, in milliseconds since 1970. */
  readonly at: number
  /** Where and as which it was published, the same on all nodes; empty on a relay that is alone. */
  readonly origin: string
}

/** A memory's place in its room, and among those of all rooms, from the oldest to the newest. */
interface Entry extends Memory {
  readonly history: History
  older: Entry | undefined
  newer: Entry | undefined
}

/** How often what is too old is forgotten, in milliseconds. */
const SWEEP = 10_000

/** The messages of all rooms that are kept: bounded in bytes and age. */
export class Archive {
  readonly limits: HistoryLimits
  #oldest: Entry | undefined
  #newest: Entry | undefined
  #bytes = 0
  #sweep: NodeJS.Timeout | undefined

  constructor(limits: HistoryLimits) {
    this.limits = limits
  }

  /** Called by {@link History} alone. */
  add(history: History, memory: Memory): Entry {
    const entry: Entry = { ...memory, history, older: this.#newest, newer: undefined }
    if (this.#newest) this.#newest.newer = entry
    else this.#oldest = entry
    this.#newest = entry
    this.#bytes += entry.text.length
    this.#sweep ??= setInterval(() => this.forget(), SWEEP).unref()
    const { historyTotalBytes } = this.limits
    while (historyTotalBytes > 0 && this.#bytes > historyTotalBytes) this.#oldest?.history.drop(this.#oldest)
    return entry
  }

  /** Called by {@link History} alone. */
  remove(entry: Entry): void {
    if (entry.older) entry.older.newer = entry.newer
    else this.#oldest = entry.newer
    if (entry.newer) entry.newer.older = entry.older
    else this.#newest = entry.older
    this.#bytes -= entry.text.length
    if (!this.#oldest) this.stop()
  }

  /** Forgets what is too old. */
  forget(): void {
    while (this.#oldest && this.outdated(this.#oldest)) this.#oldest.history.drop(this.#oldest)
  }

  /** Whether something is too old to be kept. */
  outdated({ at }: Pick<Memory, 'at'>): boolean {
    const { historyAge } = this.limits
    return historyAge > 0 && at < Date.now() - historyAge
  }

  /** Lets go of the timer. */
  stop(): void {
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }
}

/** The last messages of one room, from the oldest to the newest. */
export class History {
  readonly #archive: Archive
  #entries: Entry[] = []
  /** Their origins, on a relay of several nodes. */
  readonly #origins = new Set<string>()
  #bytes = 0

  constructor(archive: Archive) {
    this.#archive = archive
  }

  /** What is kept now. */
  get memories(): readonly Memory[] {
    this.#archive.forget()
    // What another node kept may be older than what is behind it in the archive.
    for (let [oldest] = this.#entries; oldest && this.#archive.outdated(oldest); [oldest] = this.#entries) {
      this.drop(oldest)
    }
    return this.#entries
  }

  /** Keeps a message. */
  record(frame: Buffer, origin: string): void {
    this.#keep({ text: payloadOf(frame), at: Date.now(), origin })
  }

  /** Takes over what another node kept. */
  adopt(memories: readonly Memory[]): void {
    const all = [...this.#entries, ...memories.filter(({ origin }) => !this.#origins.has(origin))]
    this.clear()
    for (const memory of all.sort((a, b) => a.at - b.at)) this.#keep(memory)
  }

  /** Forgets all. */
  clear(): void {
    for (const entry of this.#entries) this.#archive.remove(entry)
    this.#entries = []
    this.#origins.clear()
    this.#bytes = 0
  }

  /** Called by {@link Archive} alone: forgets one. */
  drop(entry: Entry): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1)
    this.#origins.delete(entry.origin)
    this.#bytes -= entry.text.length
    this.#archive.remove(entry)
  }

  #keep({ text, at, origin }: Memory): void {
    if (this.#origins.has(origin) || this.#archive.outdated({ at })) return
    const { history, historyBytes } = this.#archive.limits
    if (historyBytes > 0 && text.length > historyBytes) {
      // It cannot be kept; what came before it would look like all there was.
      this.clear()
      return
    }
    if (origin !== '') this.#origins.add(origin)
    this.#bytes += text.length
    this.#entries.push(this.#archive.add(this, { text: detached(text), at, origin }))
    while (this.#entries.length > history || (historyBytes > 0 && this.#bytes > historyBytes)) {
      const [oldest] = this.#entries
      if (!oldest) return
      this.drop(oldest)
    }
  }
}

/** The bytes in memory of their own: a frame may be a small piece of a large buffer. */
function detached(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}
