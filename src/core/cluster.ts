import type { RoomCloseCause } from './kind.js'
import type { Link } from './link.js'
import type { Room } from './room.js'

/** What other nodes can do to the rooms of this one. */
export interface ClusterRooms {
  close(room: Room, why: RoomCloseCause): void
  /** Another node has opened the room before. */
  backdate(room: Room, created: number): void
  /** The room has reached its age on another node. */
  expire(room: Room): void
  /** The others count the members here as gone: closes the room, and its members `delay` milliseconds later. */
  evict(room: Room, delay: number): void
}

/**
 * The other nodes of a relay, as the core sees them. They act on rooms by {@link Room.relay}, {@link Room.arrive}
 * and {@link Room.depart}, and by {@link ClusterRooms}. A relay that is alone has no cluster.
 */
export interface Cluster {
  /** Ties a room that was just opened to the other nodes that host it. */
  link(room: Room, rooms: ClusterRooms): Link
  /**
   * Called before a client's message is handled. If this process was suspended for so long that the other nodes count
   * it as gone, its shared rooms are closed first.
   */
  wake(): void
}
