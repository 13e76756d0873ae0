import { BEAT, BEATS_A_SECOND, ECHO_TIMEOUT, FENCE_TIMEOUT, SWEEP } from './timing.js'

/** This node's own beats, which the backplane sends back to it: as long as they come back, the others get them too. */
export class SelfHeartbeat {
  /** When one came back last, and which one it was. */
  #echoed = 0
  #echo = 0
  /** When the last was sent, and how many were. */
  #sent = Number.NEGATIVE_INFINITY
  #count = 0

  /** The connection is new: none can have come back yet. */
  restart(now: number): void {
    this.#echoed = now
    this.#echo = this.#count
  }

  /** Whether it is time for the next. With many nodes they are rarer, since each gets all of them. */
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

  /** Whether none came back for so long that beats of others may be missing for the same reason. */
  overdue(now: number): boolean {
    return now - this.#echoed > 2 * BEAT + SWEEP
  }

  /** Whether the connection is of no use. */
  timedOut(now: number): boolean {
    return now - this.#echoed > ECHO_TIMEOUT
  }

  /** Whether the others are about to give this node up. */
  mustFence(now: number): boolean {
    return now - this.#echoed >= FENCE_TIMEOUT
  }
}
