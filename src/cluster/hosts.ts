import type { Room } from '../core/room.js'
import type { Message } from './messages.js'
import { RemoteRoom } from './remote-room.js'
import { QUERY_INTERVAL, ROOM_SILENCE } from './timing.js'

/** What the hosts of a room need of this node. */
export interface HostsNode {
  readonly id: string
  readonly counters: { lost: number }
  now(): number
  /** Publishes to one node. */
  sendTo(node: string, message: Message): void
  /** Another node counts the room from now on, or no longer does. */
  countElsewhere(room: Room, rooms: 1 | -1): void
}

/** The other nodes that host a room: what each of them has said, and which of them have to be asked again. */
export class Hosts {
  /** How many got the last hello; undefined if the backplane cannot tell. */
  listeners: number | undefined
  readonly #node: HostsNode
  readonly #room: Room
  readonly #key: string
  readonly #onAsked: () => void
  readonly #remotes = new Map<string, RemoteRoom>()
  /** The hosts that others have named; undefined as long as nobody has. */
  #named: Set<string> | undefined
  /** Whether this node counts the room: it has the smallest id among the hosts. */
  #mine = true

  /**
   * @param key Names the room among the nodes.
   * @param onAsked Called when one of them was asked: it may have to be asked again.
   */
  constructor(node: HostsNode, room: Room, key: string, onAsked: () => void) {
    this.#node = node
    this.#room = room
    this.#key = key
    this.#onAsked = onAsked
  }

  get size(): number {
    return this.#remotes.size
  }

  /** Their ids. */
  get ids(): string[] {
    return [...this.#remotes.keys()]
  }

  /** The number of the last join or leave of each whose members are known. */
  get known(): Map<string, number> {
    const known = new Map<string, number>()
    for (const [id, { synced, membershipSeq }] of this.#remotes) if (synced) known.set(id, membershipSeq)
    return known
  }

  /** Whether nothing says yet how many there are. */
  get unknown(): boolean {
    return this.listeners === undefined && this.#named === undefined
  }

  /** Whether all of them have said who their members are, as far as is known. */
  get complete(): boolean {
    if (this.unknown) return false
    let synced = 0
    for (const remote of this.#remotes.values()) if (remote.synced) synced++
    if (this.listeners !== undefined) return synced >= this.listeners
    for (const id of this.#named ?? []) if (id !== this.#node.id && !this.#remotes.get(id)?.synced) return false
    return true
  }

  /** When one of them is to be asked, if nothing comes from it until then. */
  get nextQuery(): number {
    let due = Number.POSITIVE_INFINITY
    for (const { synced, asked, heard } of this.#remotes.values()) {
      due = Math.min(due, synced ? Math.max(heard + ROOM_SILENCE, asked + QUERY_INTERVAL) : asked + QUERY_INTERVAL)
    }
    return due
  }

  get(id: string): RemoteRoom | undefined {
    return this.#remotes.get(id)
  }

  has(id: string): boolean {
    return this.#remotes.has(id)
  }

  /** A node hosts the room, too. */
  add(id: string): RemoteRoom {
    let remote = this.#remotes.get(id)
    if (!remote) {
      remote = new RemoteRoom(this.#room, id, this.#node.now())
      this.#remotes.set(id, remote)
      this.#recount()
    }
    return remote
  }

  /** A node no longer does. */
  drop(id: string): void {
    const remote = this.#remotes.get(id)
    if (!remote) return
    this.#remotes.delete(id)
    remote.clear()
    this.#recount()
  }

  /** One of them named the hosts that it knows. */
  addNamed(ids: readonly string[]): void {
    for (const id of ids) this.#named = (this.#named ?? new Set()).add(id)
  }

  take(id: string, batch: Extract<Message, { kind: 'batch' }>): void {
    this.#lost(this.add(id).take(batch))
    this.check(id)
  }

  /** A node has said who its members are. */
  learn(id: string, message: Extract<Message, { kind: 'hello' | 'sync' }>): void {
    this.#lost(this.add(id).replace(message))
    this.check(id)
  }

  /** A node has said how many changes there were. */
  compare(id: string, { seq, membershipSeq }: Extract<Message, { kind: 'beacon' }>): void {
    const remote = this.add(id)
    if (seq < remote.seq) return
    if (membershipSeq !== remote.membershipSeq) remote.synced = false
    else if (remote.synced) {
      this.#lost(seq - remote.seq)
      remote.seq = seq
    }
    this.check(id)
  }

  /** A message of a node may be lost: asks it who its members are. */
  doubt(id: string): void {
    const remote = this.#remotes.get(id)
    if (!remote) return
    remote.synced = false
    this.#ask(id, remote)
  }

  /** Asks a node whose members are not known, unless it was asked just before. */
  check(id: string): void {
    const remote = this.#remotes.get(id)
    if (!remote || remote.synced) return
    if (this.#node.now() - remote.asked >= QUERY_INTERVAL) this.#ask(id, remote)
  }

  /** The same for all of them, and for those that were silent for long. */
  checkAll(now: number): void {
    for (const [id, remote] of this.#remotes) {
      const doubtful = !remote.synced || now - remote.heard > ROOM_SILENCE
      if (doubtful && now - remote.asked >= QUERY_INTERVAL) this.doubt(id)
    }
  }

  /** This node no longer hosts the room. */
  close(): void {
    if (!this.#mine) this.#node.countElsewhere(this.#room, -1)
  }

  #ask(id: string, remote: RemoteRoom): void {
    remote.asked = this.#node.now()
    this.#node.sendTo(id, { kind: 'need', room: this.#key })
    this.#onAsked()
  }

  #recount(): void {
    const mine = this.ids.every((id) => id >= this.#node.id)
    if (mine === this.#mine) return
    this.#mine = mine
    this.#node.countElsewhere(this.#room, mine ? -1 : 1)
  }

  #lost(changes: number): void {
    this.#node.counters.lost += changes
  }
}
