import { Batch, type MemberBatch, mergedBatchFor, type Recipient, sendTo } from './batch.js'
import type { ClientConnection } from './client-connection.js'
import type { Congestible } from './congestion.js'
import type { Counters } from './counters.js'

/** A member, as far as this file goes. */
interface GroupedMember extends Recipient {
  readonly session: ClientConnection
  readonly room: GroupedRoom
  readonly needsOwnBatch: boolean
}

/** A room, as far as this file goes. */
export interface GroupedRoom extends Congestible {
  readonly kind: { readonly several?: boolean }
  readonly members: readonly GroupedMember[]
  readonly batch: Batch
  readonly flushes: number
  group: FlushGroup | undefined
  take(): Batch | undefined
  settle(): void
  flushLink(): void
}

/**
 * Rooms in which one sender spoke by turns within a turn of the event loop. They are flushed together, so that a
 * member of several hears the sender in order, and each member is still written to once.
 */
export class FlushGroup {
  readonly #rooms: GroupedRoom[] = []
  /** Bytes of the batches of all its rooms. */
  #bytes = 0

  /** Has two rooms flushed as one at the end of this turn. */
  static unite(one: GroupedRoom, other: GroupedRoom): void {
    const group = one.group ?? other.group ?? new FlushGroup()
    for (const room of [one, other]) {
      if (!room.group) group.#add(room)
      else if (room.group !== group) group.#absorb(room.group)
    }
  }

  /** Counts bytes that came to one of the rooms, and returns how many wait in all of them. */
  grow(bytes: number): number {
    this.#bytes += bytes
    return this.#bytes
  }

  /** Sends the batches of all rooms. */
  flush(counters: Counters): void {
    const batches = new Map<GroupedRoom, Batch>()
    let frames = 0
    for (const room of this.#rooms) {
      room.group = undefined
      const batch = room.take()
      if (!batch) continue
      batches.set(room, batch)
      frames += batch.frames.length
    }
    const { deliveries } = counters
    const shares = new Shares(batches)
    for (const [session, members] of bySession(batches.keys())) {
      sendTo(session, shares.of(members), counters, members[0]?.room)
    }
    if (counters.deliveries > deliveries) counters.batches.record(frames)
    for (const room of batches.keys()) room.settle()
  }

  #add(room: GroupedRoom): void {
    room.group = this
    this.#rooms.push(room)
    this.#bytes += room.batch.bytes
  }

  #absorb(other: FlushGroup): void {
    for (const room of other.#rooms) this.#add(room)
  }
}

/** Keeps the messages of one sender in order over all rooms: what it says in one must not overtake what waits in another. */
export class PublishOrder<R extends GroupedRoom> {
  #room: R | undefined
  /** How often that room had been flushed when it spoke there. */
  #flushes = 0

  /** The room in which it spoke last; undefined if it has said nothing. */
  get room(): R | undefined {
    return this.#room
  }

  /** Called before it speaks in `room`. */
  turnTo(room: R): void {
    if (!room.kind.several) return
    const last = this.#room
    if (last !== room) {
      this.#room = room
      if (last?.flushes === this.#flushes) {
        // Other nodes get a frame for each room: this one has to be first.
        last.flushLink()
        FlushGroup.unite(last, room)
      }
    }
    this.#flushes = room.flushes
  }
}

/** The members of all rooms, grouped by session. */
function bySession(rooms: Iterable<GroupedRoom>): Map<ClientConnection, GroupedMember[]> {
  const sessions = new Map<ClientConnection, GroupedMember[]>()
  for (const room of rooms) {
    for (const member of room.members) {
      const places = sessions.get(member.session)
      if (places) places.push(member)
      else sessions.set(member.session, [member])
    }
  }
  return sessions
}

/** What sessions get. Those in the same rooms share their bytes, unless they wrote some of the frames or came late. */
class Shares {
  readonly #batchOf: (room: GroupedRoom) => Batch
  /** A tree whose edges are rooms: sessions in the same rooms end at the same node. */
  readonly #root: Node = { share: undefined, next: new Map() }

  constructor(batches: ReadonlyMap<GroupedRoom, Batch>) {
    const none = new Batch()
    this.#batchOf = (room) => batches.get(room) ?? none
  }

  of(members: readonly GroupedMember[]): MemberBatch {
    let node = this.#root
    for (const { needsOwnBatch, room } of members) {
      if (needsOwnBatch) return mergedBatchFor(members, this.#batchOf)
      let next = node.next.get(room)
      if (!next) node.next.set(room, (next = { share: undefined, next: new Map() }))
      node = next
    }
    node.share ??= mergedBatchFor(members, this.#batchOf)
    return node.share
  }
}

interface Node {
  share: MemberBatch | undefined
  readonly next: Map<GroupedRoom, Node>
}
