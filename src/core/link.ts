import type { RoomCloseCause } from './kind.js'
import type { RoomMember } from './member.js'

/** What ties a room to the other nodes that host it. `Room` alone calls it. */
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
  joined(member: RoomMember): void
  /** A local member is out. */
  left(member: RoomMember): void
  /** Sends what this turn brought. */
  flush(): void
  /** This node no longer hosts the room. */
  close(why: RoomCloseCause): void
}
