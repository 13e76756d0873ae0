/** A member for which much of a room's traffic waits. */
export interface SlowConsumerState {
  /** The time up to which it has read fast enough for senders to wait; in milliseconds of `performance.now()`. */
  readonly onPaceUntil: number
}

/** A room whose members may fall behind. */
export interface Congestible {
  /** Much of what it sent waits for a member. */
  fellBehind(member: SlowConsumerState): void
  /** Little of it still waits. */
  caughtUp(member: SlowConsumerState): void
}

/** How long senders wait for a member that reads more slowly than that, in milliseconds. */
const PATIENCE = 500

/** The same while at least half of the room is behind: the wait harms few others then. */
const PATIENCE_WITH_MANY = 3000

/** Bytes of messages that are kept until the readers of one room have caught up. */
const MAX_KEPT = 4 * 2 ** 20

/** The same for all rooms of a relay together. */
const MAX_KEPT_IN_ALL = 32 * 2 ** 20

/** Time between two looks at whether the wait is still worth it, in milliseconds. */
const REVIEW = 100

/**
 * The members of a room that read it too slowly. Senders wait as long as these read on. A member that has stopped
 * reading holds nobody up for more than {@link PATIENCE}; then the limits of its connection decide.
 */
export class Congestion {
  readonly #members: { readonly length: number }
  readonly #counters: { keptBytes: number }
  readonly #slow = new Set<SlowConsumerState>()
  #relief: Promise<void> | undefined
  #relieve: (() => void) | undefined
  #kept = 0
  #review: NodeJS.Timeout | undefined

  /**
   * @param members All members of the room.
   * @param counters Those of the relay.
   */
  constructor(members: { readonly length: number }, counters: { keptBytes: number }) {
    this.#members = members
    this.#counters = counters
  }

  /** How many are behind. */
  get size(): number {
    return this.#slow.size
  }

  add(member: SlowConsumerState): void {
    this.#slow.add(member)
  }

  /** It has caught up, or is gone. */
  delete(member: SlowConsumerState): void {
    this.#slow.delete(member)
    if (this.#slow.size === 0) this.#end()
  }

  /** Whether a message may be kept until the relief. If not, it is relayed now, and its sender waits all the same. */
  keep(bytes: number): boolean {
    if (this.#kept > 0 && this.#kept + bytes > MAX_KEPT) return false
    if (this.#counters.keptBytes + bytes > MAX_KEPT_IN_ALL) return false
    this.#kept += bytes
    this.#counters.keptBytes += bytes
    return true
  }

  /** Settles when senders may go on; undefined if they may now. */
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
    const patience = this.#slow.size * 2 >= this.#members.length ? PATIENCE_WITH_MANY : PATIENCE
    const since = performance.now() - patience
    for (const { onPaceUntil } of this.#slow) if (onPaceUntil > since) return true
    return false
  }

  #end(): void {
    clearInterval(this.#review)
    this.#counters.keptBytes -= this.#kept
    this.#kept = 0
    this.#relieve?.()
    this.#relieve = undefined
    this.#relief = undefined
  }
}
