import { Heaviest } from './heaviest.js'

/** The history of a room, which may have to give up its oldest message. */
export interface KeptHistory {
  drop(): void
}

/** A client that has opened rooms (a user, or an address where no user is named), and what these rooms take. */
export class ClientUsage {
  /** Empty if unknown. */
  readonly name: string
  /** Rooms that it opened and that are still open, with any members. */
  rooms = 0
  /** What their histories take, in bytes of memory. */
  bytes = 0
  readonly histories = new Heaviest<KeptHistory>()

  constructor(name: string) {
    this.name = name
  }
}

/** The clients that have rooms open. */
export class ClientUsages {
  readonly #usages = new Map<string, ClientUsage>()

  /** How many there are. */
  get size(): number {
    return this.#usages.size
  }

  /** How many rooms are open that `name` has opened. */
  roomsOf(name: string): number {
    return this.#usages.get(name)?.rooms ?? 0
  }

  /** Counts a room that is opened. */
  open(name: string): ClientUsage {
    let usage = this.#usages.get(name)
    if (!usage) this.#usages.set(name, (usage = new ClientUsage(name)))
    usage.rooms++
    return usage
  }

  /** Counts a room that is closed. */
  close(usage: ClientUsage): void {
    if (--usage.rooms === 0) this.#usages.delete(usage.name)
  }
}
