import type { RemoteRoom } from './remote-room.js'

/** The other nodes that host a room, and those that are said to. */
export class Hosts implements Iterable<[string, RemoteRoom]> {
  /** How many heard the last introduction; undefined if the bus cannot tell. */
  listeners: number | undefined
  readonly #remotes = new Map<string, RemoteRoom>()
  /** Those of which others told; undefined as long as nobody has. */
  #told: Set<string> | undefined

  get size(): number {
    return this.#remotes.size
  }

  /** Their ids. */
  get ids(): string[] {
    return [...this.#remotes.keys()]
  }

  [Symbol.iterator](): Iterator<[string, RemoteRoom]> {
    return this.#remotes[Symbol.iterator]()
  }

  get(id: string): RemoteRoom | undefined {
    return this.#remotes.get(id)
  }

  has(id: string): boolean {
    return this.#remotes.has(id)
  }

  set(id: string, remote: RemoteRoom): void {
    this.#remotes.set(id, remote)
  }

  delete(id: string): void {
    this.#remotes.delete(id)
  }

  /** One of them named those of which it knows. */
  hearOf(ids: readonly string[]): void {
    for (const id of ids) this.#told = (this.#told ?? new Set()).add(id)
  }

  /** Whether nobody said yet how many there are. */
  get unknown(): boolean {
    return this.listeners === undefined && this.#told === undefined
  }

  /**
   * Whether all of them are known to have told who is with them.
   *
   * @param own The id of this node, which others may have named.
   */
  complete(own: string): boolean {
    if (this.unknown) return false
    let synced = 0
    for (const remote of this.#remotes.values()) if (remote.synced) synced++
    if (this.listeners !== undefined) return synced >= this.listeners
    for (const id of this.#told ?? []) if (id !== own && !this.#remotes.get(id)?.synced) return false
    return true
  }

  /** Whether an id is smaller than all of theirs. */
  allAbove(own: string): boolean {
    for (const id of this.#remotes.keys()) if (id < own) return false
    return true
  }
}
