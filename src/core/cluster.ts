import type { Member, Room } from './room.js'
import type { Rooms } from './rooms.js'

/** A room's tie to the other nodes that host it. */
export interface Link {
  /** Pending until the other nodes have told who is in, or had the time to. */
  readonly opening: Promise<void> | undefined
  /** Hands a frame that a local client sent to the other nodes, with the rest of this turn. */
  publish(frame: Buffer): void
  /** Names the last frame that was published: the same on all nodes. */
  readonly origin: string
  /** A hash that stands for a user as the owner of ids: nodes tell each other no names of users. */
  ownerOf(user: string): string
  /** A local member is in. */
  joined(member: Member): void
  /** A local member is out. */
  left(member: Member): void
  /** Sends what this turn brought. */
  flush(): void
  /** The room is no longer hosted here: its last local member is out, or it has expired. */
  close(): void
}

/**
 * The other nodes of a relay, as the core sees them. They speak through {@link Room.deliver},
 * {@link Room.arrive} and {@link Room.depart}, and {@link Rooms.backdate}, {@link Rooms.expire} and
 * {@link Rooms.evict}. A relay that is alone has no cluster.
 */
export interface Cluster {
  /** Ties a room that was opened to the nodes that host it, too. */
  link(room: Room, rooms: Rooms): Link
  /** Called before a client's message is handled: whoever was asleep for too long is not what others take it for. */
  wake(): void
}
