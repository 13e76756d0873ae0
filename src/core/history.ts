import { ClientUsage } from './client-usage.js'
import { ageClock } from './clocks.js'
import { payloadOf } from './frame.js'
import { Heaviest } from './heaviest.js'

/** What the relay keeps of rooms at most; 0 means none, except for `history`, where it means nothing is kept. */
export interface HistoryLimits {
  /** Messages of a room. */
  readonly history: number
  /** Their bytes. */
  readonly historyBytes: number
  /** Bytes of memory of all rooms together. */
  readonly historyTotalBytes: number
  /** Milliseconds for which a message is kept. */
  readonly historyAge: number
}

/** A message that is kept. */
export interface HistoryEntry {
  readonly text: Buffer
  /** When it was published, in milliseconds since 1970. */
  readonly at: number
  /** Where and as which it was published, the same on all nodes; empty on a relay that is alone. */
  readonly origin: string
}

/** An entry as it is kept. */
interface Entry {
  /**
   * Its bytes, each as a character of Latin-1: a string costs 16 bytes beside them, a buffer of its own some
   * hundreds. Empty for a message that was too long to keep.
   */
  readonly text: string
  /** When it was published, by the clock of ages: the wall clock may be set back, and it must not be kept for longer. */
  readonly since: number
  readonly origin: string
}

/** What an entry takes of memory beside its text, and one with an origin; in bytes, measured. */
const ENTRY_COST = 128
const ORIGIN_COST = 128

/** What a room takes of memory beside its entries; in bytes. */
const ROOM_COST = 256

/** A message that takes more than this share of what a room may keep is left out, so that a few do not drive out all others. */
const LARGEST_SHARE = 1 / 4

/** How often what is too old is forgotten, in milliseconds. */
const SWEEP = 10_000

/** The messages of all rooms that are kept: bounded in memory and age. */
export class Archive {
  readonly limits: HistoryLimits
  /** The histories that keep something. */
  readonly #histories = new Set<History>()
  readonly #usages = new Heaviest<ClientUsage>()
  #bytes = 0
  #sweep: NodeJS.Timeout | undefined

  constructor(limits: HistoryLimits) {
    this.limits = limits
  }

  /** What is kept in all, in bytes of memory. */
  get bytes(): number {
    return this.#bytes
  }

  /** Called by {@link History} alone: the memory that it takes changes. */
  weigh(history: History, from: number, to: number): void {
    const { usage } = history
    const total = usage.bytes + to - from
    usage.histories.move(history, from, to)
    this.#usages.move(usage, usage.bytes, total)
    usage.bytes = total
    this.#bytes += to - from
    if (to > 0) {
      this.#histories.add(history)
      this.#sweep ??= setInterval(() => this.forget(), SWEEP).unref()
    } else {
      this.#histories.delete(history)
      if (this.#histories.size === 0) this.stop()
    }
  }

  /**
   * Forgets until the rest may be kept: the oldest of the room that takes most, of the user or address whose
   * rooms take most. So filling many rooms makes nobody else's be forgotten.
   */
  relieve(): void {
    const { historyTotalBytes } = this.limits
    while (historyTotalBytes > 0 && this.#bytes > historyTotalBytes) {
      const history = this.#usages.first?.histories.first
      if (!history) return
      history.drop()
    }
  }

  /** Forgets what is too old. */
  forget(): void {
    for (const history of this.#histories) history.forget()
  }

  /** Whether something is too old to be kept. */
  outdated({ since }: Pick<Entry, 'since'>): boolean {
    const { historyAge } = this.limits
    return historyAge > 0 && since < ageClock.now() - historyAge
  }

  /** The longest message that is kept, in bytes. */
  get longest(): number {
    const { historyBytes, historyTotalBytes } = this.limits
    return LARGEST_SHARE * (historyBytes || historyTotalBytes || Number.POSITIVE_INFINITY)
  }

  /** Lets go of the timer. */
  stop(): void {
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }
}

/** The last messages of one room, from the oldest to the newest. */
export class History {
  /** Who opened the room. */
  readonly usage: ClientUsage
  readonly #archive: Archive
  #entries: Entry[] = []
  /** Their origins, on a relay of several nodes. */
  #origins: Set<string> | undefined
  /** Bytes of the messages, and of memory that they take. */
  #bytes = 0
  #weight = 0

  constructor(archive: Archive, usage: ClientUsage = new ClientUsage('')) {
    this.#archive = archive
    this.usage = usage
  }

  /** What is kept now. */
  get entries(): readonly HistoryEntry[] {
    this.forget()
    const lead = Date.now() - ageClock.now()
    return this.#entries
      .filter(({ text }) => text !== '')
      .map(({ text, since, origin }) => ({ text: Buffer.from(text, 'latin1'), at: Math.round(since + lead), origin }))
  }

  /** How many messages since the oldest that is kept were too long to keep. */
  get omitted(): number {
    const kept = this.#entries.findIndex(({ text }) => text !== '')
    return kept < 0 ? 0 : this.#entries.slice(kept).filter(({ text }) => text === '').length
  }

  /** Keeps a message. */
  record(frame: Buffer, origin: string): void {
    this.#keep(payloadOf(frame), ageClock.now(), origin)
  }

  /** Takes over what another node kept. */
  adopt(entries: readonly HistoryEntry[]): void {
    const kept = this.entries
    const all = [...kept, ...entries.filter(({ origin }) => !this.#origins?.has(origin))]
    this.clear()
    const [now, today] = [ageClock.now(), Date.now()]
    for (const { text, at, origin } of all.sort((a, b) => a.at - b.at)) {
      // Another node's clock may be ahead: that makes nothing younger.
      this.#keep(text, now - Math.max(0, today - at), origin)
    }
  }

  /** Forgets all. */
  clear(): void {
    this.#entries = []
    this.#origins = undefined
    this.#bytes = 0
    this.#weigh(-this.#weight)
  }

  /** Forgets what is too old. */
  forget(): void {
    for (let [oldest] = this.#entries; oldest && this.#archive.outdated(oldest); [oldest] = this.#entries) this.drop()
  }

  /** Forgets the oldest. */
  drop(): void {
    const oldest = this.#entries.shift()
    if (!oldest) return
    this.#origins?.delete(oldest.origin)
    this.#bytes -= oldest.text.length
    this.#weigh(-costOf(oldest))
  }

  #keep(text: Buffer, since: number, origin: string): void {
    if (this.#origins?.has(origin) || this.#archive.outdated({ since })) return
    if (origin !== '') this.#origins = (this.#origins ?? new Set()).add(origin)
    const entry = { text: text.length > this.#archive.longest ? '' : text.toString('latin1'), since, origin }
    this.#entries.push(entry)
    this.#bytes += entry.text.length
    this.#weigh(costOf(entry))
    const { history, historyBytes } = this.#archive.limits
    while (this.#entries.length > history || (historyBytes > 0 && this.#bytes > historyBytes)) this.drop()
    this.#archive.relieve()
  }

  #weigh(change: number): void {
    const before = this.#weight
    this.#weight += change + (before === 0 ? ROOM_COST : 0)
    if (this.#entries.length === 0) this.#weight = 0
    this.#archive.weigh(this, before, this.#weight)
  }
}

function costOf({ text, origin }: Entry): number {
  return text.length + ENTRY_COST + (origin === '' ? 0 : ORIGIN_COST)
}
