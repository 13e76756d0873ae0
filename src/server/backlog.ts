/** A connection whose client reads more slowly than it is written to. */
export interface Debtor {
  /** Bytes of memory that wait for the client now. */
  readonly backlog: number
  /** Gives the connection, and what waits for it, up at once. */
  abandon(): void
}

/**
 * The unsent bytes of all connections together. When they pass the limit, the connection with the
 * largest backlog goes first, until the rest fits.
 */
export class Backlog {
  readonly #limit: number
  /** The last known backlog of each connection that has one. A small one may have drained unnoticed. */
  readonly #debtors = new Map<Debtor, number>()
  #total = 0

  /** @param limit In bytes; 0 means none. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Notes the backlog of a connection; 0 when it has caught up or is gone. */
  set(debtor: Debtor, bytes: number): void {
    this.#total += bytes - (this.#debtors.get(debtor) ?? 0)
    if (bytes > 0) this.#debtors.set(debtor, bytes)
    else this.#debtors.delete(debtor)
    if (this.#limit > 0 && this.#total > this.#limit) this.#relieve()
  }

  /** What waits now, and for how many. */
  measure(): { bytes: number; connections: number } {
    this.#recount()
    return { bytes: this.#total, connections: this.#debtors.size }
  }

  #recount(): void {
    this.#total = 0
    for (const debtor of this.#debtors.keys()) {
      const { backlog } = debtor
      if (backlog > 0) this.#debtors.set(debtor, backlog)
      else this.#debtors.delete(debtor)
      this.#total += backlog
    }
  }

  #relieve(): void {
    this.#recount()
    if (this.#total <= this.#limit) return
    const byBacklog = [...this.#debtors].sort(([, a], [, b]) => b - a)
    for (const [debtor, bytes] of byBacklog) {
      if (this.#total <= this.#limit) return
      this.#debtors.delete(debtor)
      this.#total -= bytes
      debtor.abandon()
    }
  }
}
