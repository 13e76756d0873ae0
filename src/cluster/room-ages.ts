import { DEPARTED_MEMORY } from './timing.js'

/** Clocks of nodes may differ by so much, and a room be so old even if rooms do not expire, in milliseconds. */
const SKEW = 60_000
const DAY = 86_400_000

/** Which of the times that other nodes give for the opening of a room can be true. */
export class RoomAges {
  readonly #oldest: number
  /** Creation times of rooms that have expired, by their channels: they are not opened again by an old message. */
  readonly #expired = new Map<string, { created: number; at: number }>()

  /** @param roomExpiry Age at which rooms expire, in milliseconds. */
  constructor(roomExpiry: number) {
    this.#oldest = Math.max(roomExpiry, DAY) + SKEW
  }

  /** A room has expired. */
  markExpired(channel: string, created: number, now: number): void {
    // At the end again, where the sweep expects the youngest.
    this.#expired.delete(channel)
    this.#expired.set(channel, { created, at: now })
  }

  /** Whether a room can have been opened then. */
  plausible(channel: string, created: number): boolean {
    const today = Date.now()
    const { created: expired = Number.NEGATIVE_INFINITY } = this.#expired.get(channel) ?? {}
    return created > expired && created > today - this.#oldest && created < today + SKEW
  }

  /** Forgets what is long ago. */
  sweep(now: number): void {
    for (const [channel, { at }] of this.#expired) {
      if (now - at < DEPARTED_MEMORY) return
      this.#expired.delete(channel)
    }
  }
}
