import { GRAVE } from './timing.js'

/** Clocks of nodes may differ by so much, and a room be so old even if rooms do not expire, in milliseconds. */
const SKEW = 60_000
const DAY = 86_400_000

/** When rooms were opened, as nodes tell each other: which of it can be. */
export class Ages {
  readonly #oldest: number
  /** Creation times of rooms that have expired, by their channels: nobody is to bring them back. */
  readonly #buried = new Map<string, { created: number; at: number }>()

  /** @param roomExpiry Age at which rooms expire, in milliseconds. */
  constructor(roomExpiry: number) {
    this.#oldest = Math.max(roomExpiry, DAY) + SKEW
  }

  /** A room has expired. */
  bury(channel: string, created: number, now: number): void {
    // At the end again, where the sweep expects the youngest.
    this.#buried.delete(channel)
    this.#buried.set(channel, { created, at: now })
  }

  /** Whether a room can have been opened then. */
  plausible(channel: string, created: number): boolean {
    const today = Date.now()
    const { created: buried = Number.NEGATIVE_INFINITY } = this.#buried.get(channel) ?? {}
    return created > buried && created > today - this.#oldest && created < today + SKEW
  }

  /** Forgets what is long ago. */
  sweep(now: number): void {
    for (const [channel, { at }] of this.#buried) {
      if (now - at < GRAVE) return
      this.#buried.delete(channel)
    }
  }
}
