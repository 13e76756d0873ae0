/** A member for which much of a room's traffic waits. */
export interface Laggard {
  /** Until when it has read at the least pace that is waited for; in milliseconds of `performance.now()`. */
  readonly onPaceUntil: number
}

/** How long senders wait for a laggard that does not keep the least pace, in milliseconds. */
const PATIENCE = 500

/** The same while at least half of the room is behind: then there are few whom the wait could harm. */
const PATIENCE_WITH_MANY = 3000

/** What is kept of messages that wait for the readers of one room, in bytes; as much waits for these at least. */
const MAX_KEPT = 4 * 2 ** 20

/** How often it is looked whether the wait is still worth it, in milliseconds. */
const REVIEW = 100

/**
 * The members of a room that are behind with it. Senders wait for them as long as they read on; one that has
 * stopped reading holds nobody up for more than {@link PATIENCE}, and is left to the limits of its connection.
 */
export class Congestion {
  readonly #members: { readonly length: number }
  readonly #laggards = new Set<Laggard>()
  #relief: Promise<void> | undefined
  #relieve: (() => void) | undefined
  #kept = 0
  #review: NodeJS.Timeout | undefined

  /** @param members Of the room. */
  constructor(members: { readonly length: number }) {
    this.#members = members
  }

  /** How many are behind. */
  get size(): number {
    return this.#laggards.size
  }

  has(laggard: Laggard): boolean {
    return this.#laggards.has(laggard)
  }

  add(laggard: Laggard): void {
    this.#laggards.add(laggard)
  }

  /** It has caught up, or is gone. */
  delete(laggard: Laggard): void {
    this.#laggards.delete(laggard)
    if (this.#laggards.size === 0) this.#end()
  }

  /** Whether a message may be kept until the relief. Beyond that, it passes and its sender waits all the same. */
  keep(bytes: number): boolean {
    if (this.#kept > 0 && this.#kept + bytes > MAX_KEPT) return false
    this.#kept += bytes
    return true
  }

  /** What a sender has to wait for; undefined if it may go on. */
  get relief(): Promise<void> | undefined {
    if (this.#relief || !this.#isWorthWaiting()) return this.#relief
    this.#relief = new Promise((resolve) => {
      this.#relieve = resolve
    })
    this.#review = setInterval(() => {
      if (!this.#isWorthWaiting()) this.#end()
    }, REVIEW).unref()
    return this.#relief
  }

  #isWorthWaiting(): boolean {
    const patience = this.#laggards.size * 2 >= this.#members.length ? PATIENCE_WITH_MANY : PATIENCE
    const since = performance.now() - patience
    for (const { onPaceUntil } of this.#laggards) if (onPaceUntil > since) return true
    return false
  }

  #end(): void {
    clearInterval(this.#review)
    this.#kept = 0
    this.#relieve?.()
    this.#relieve = undefined
    this.#relief = undefined
  }
}
