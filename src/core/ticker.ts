import type { Room } from './room.js'

/**
 * Collects the rooms that have something to send and flushes them once per turn of the event loop.
 * `setImmediate` runs right after the poll phase in which the sockets were read, so this waits for
 * nothing but the rest of what had already arrived.
 */
export class Ticker {
  #dirty: Room[] = []

  /** Has `room` flushed at the end of this turn. */
  mark(room: Room): void {
    if (this.#dirty.push(room) === 1) setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    const dirty = this.#dirty
    this.#dirty = []
    for (const room of dirty) room.flush()
  }
}
