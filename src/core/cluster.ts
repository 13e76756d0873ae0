import type { Member, Room, RoomCloseCause } from './room.js'
import type { Rooms } from './rooms.js'

/** What ties a room to the other nodes that host it. {@link Room} alone calls it. */
export interface Link {
  /** Resolves when the other nodes have said who is in the room, or had the time to; undefined from then on. */
  readonly ready: Promise<void> | undefined
  /** Sends a frame of a local client to the other nodes, with the rest of this turn. */
  publish(frame: Buffer): void
  /** A name for the last frame that was published: the same on all nodes. */
  readonly origin: string
  /** A hash that stands for a user as the owner of ids: nodes do not send each other the names of users. */
  ownerOf(user: string): string
  /** A local member is in. */
  joined(member: Member): void
  /** A local member is out. */
  left(member: Member): void
  /** Sends what this turn brought. */
  flush(): void
  /** This node no longer hosts the room. */
  close(why: RoomCloseCause): void
}

/**
 * The other nodes of a relay, as the core sees them. They act on rooms by {@link Room.relay}, {@link Room.arrive}
 * and {@link Room.depart}, and by {@link Rooms.backdate}, {@link Rooms.expire} and {@link Rooms.evict}. A relay
 * that is alone has no cluster.
 */
export interface Cluster {
  /** Ties a room that was just opened to the other nodes that host it. */
  link(room: Room, rooms: Rooms): Link
  /**
   * Called before a client's message is handled. If this process was suspended for so long that the other nodes count
   * it as gone, its shared rooms are closed first.
   */
  wake(): void
}
