import { BEAT, BEATS_A_SECOND, ECHO_TIMEOUT, FENCE_TIMEOUT, SWEEP } from './timing.js'

/** This node's own beats, and whether they come back: as long as they do, it is in touch with the others. */
export class SelfHeartbeat {
  /** When one came back last, and which one it was. */
  #echoed = 0
  #echo = 0
  /** When the last was sent, and how many were. */
  #sent = Number.NEGATIVE_INFINITY
  #count = 0

  /** The connection is new: nothing can have come back yet. */
  restart(now: number): void {
    this.#echoed = now
    this.#echo = this.#count
  }

  /** Whether it is time for the next. With many nodes they are rarer, since all hear all. */
  due(now: number, nodes: number): boolean {
    return now - this.#sent >= Math.max(BEAT, (1000 * nodes) / BEATS_A_SECOND)
  }

  /** Counts the next. */
  beat(now: number): number {
    this.#sent = now
    return ++this.#count
  }

  /** One came back. Returns whether others before it did not, or undefined if it came already. */
  echo(count: number, now: number): { missed: boolean; after: number } | undefined {
    if (count <= this.#echo) return undefined
    const missed = count !== this.#echo + 1
    const after = now - this.#echoed
    this.#echoed = now
    this.#echo = count
    return { missed, after }
  }

  /** Whether none came back for so long that what others say may not arrive either. */
  faint(now: number): boolean {
    return now - this.#echoed > 2 * BEAT + SWEEP
  }

  /** Whether the connection is of no use. */
  deaf(now: number): boolean {
    return now - this.#echoed > ECHO_TIMEOUT
  }

  /** Whether the others are about to give this node up. */
  lost(now: number): boolean {
    return now - this.#echoed >= FENCE_TIMEOUT
  }
}
