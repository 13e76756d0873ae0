import { Batch, mergedShareOf, type Share, send } from './batch.js'
import type { Counters } from './counters.js'
import type { Member, Room } from './room.js'
import type { Session } from './session.js'

/**
 * Rooms in which one sender spoke by turns within a turn of the event loop. They are flushed as one, so
 * that a member of several hears the sender in order, and each member is still written to once.
 */
export class FlushGroup {
  readonly #rooms: Room[] = []
  /** Bytes of the batches of all its rooms. */
  #bytes = 0

  /** Has two rooms flushed as one at the end of this turn. */
  static unite(one: Room, other: Room): void {
    const group = one.group ?? other.group ?? new FlushGroup()
    for (const room of [one, other]) {
      if (!room.group) group.#add(room)
      else if (room.group !== group) group.#absorb(room.group)
    }
  }

  /** Notes what came to one of the rooms, and tells how much waits in all of them. */
  grow(bytes: number): number {
    this.#bytes += bytes
    return this.#bytes
  }

  /** Sends the batches of all rooms. */
  flush(counters: Counters): void {
    const batches = new Map<Room, Batch>()
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
      send(session, shares.of(members), counters, members[0]?.room)
    }
    if (counters.deliveries > deliveries) counters.batches.note(frames)
    for (const room of batches.keys()) room.settle()
  }

  #add(room: Room): void {
    room.group = this
    this.#rooms.push(room)
    this.#bytes += room.batch.bytes
  }

  #absorb(other: FlushGroup): void {
    for (const room of other.#rooms) this.#add(room)
  }
}

/** Where somebody spoke last: what waits there must not be overtaken by what is said in another room. */
export class Trail {
  #room: Room | undefined
  /** How often the room had been flushed by then. */
  #flushes = 0

  /** Where that was; undefined if it has said nothing. */
  get room(): Room | undefined {
    return this.#room
  }

  /** Called before something is said in `room`. */
  lead(room: Room): void {
    if (!room.kind.several) return
    const last = this.#room
    if (last !== room) {
      this.#room = room
      if (last?.flushes === this.#flushes) {
        // The other nodes hear of one room at a time.
        last.link?.flush()
        FlushGroup.unite(last, room)
      }
    }
    this.#flushes = room.flushes
  }
}

/** The members of all rooms, those of one session together. */
function bySession(rooms: Iterable<Room>): Map<Session, Member[]> {
  const sessions = new Map<Session, Member[]>()
  for (const room of rooms) {
    for (const member of room.members) {
      const places = sessions.get(member.session)
      if (places) places.push(member)
      else sessions.set(member.session, [member])
    }
  }
  return sessions
}

/** The same bytes for all sessions that are in the same rooms, unless they wrote some of them or came late. */
class Shares {
  readonly #batchOf: (room: Room) => Batch
  /** By the rooms on the way from here, as in a tree of prefixes. */
  readonly #root: Node = { share: undefined, next: new Map() }

  constructor(batches: ReadonlyMap<Room, Batch>) {
    const none = new Batch()
    this.#batchOf = (room) => batches.get(room) ?? none
  }

  of(members: readonly Member[]): Share {
    let node = this.#root
    for (const { apart, room } of members) {
      if (apart) return mergedShareOf(members, this.#batchOf)
      let next = node.next.get(room)
      if (!next) node.next.set(room, (next = { share: undefined, next: new Map() }))
      node = next
    }
    node.share ??= mergedShareOf(members, this.#batchOf)
    return node.share
  }
}

interface Node {
  share: Share | undefined
  readonly next: Map<Room, Node>
}
