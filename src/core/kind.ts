import type { RoomMember } from './member.js'

/** What a room needs to know of the dialect that it belongs to. */
export interface RoomKind {
  readonly name: string
  /** The notice that tells the others of a join; absent where joins are not announced. */
  joined?(who: RoomMember): Buffer
  /** The notice that tells the others of a leave. Called when `who` is out of the room already. */
  left?(who: RoomMember): Buffer
  /** The last notice of a room that has reached its age; absent where rooms do not expire. */
  expired?(): Buffer
  /** The notice to members when the relay stops; absent if the close says enough. */
  shutdown?(): Buffer
  /** Whether members choose their ids. Several members may have one id; where users are known, only members of one user. */
  readonly chosenIds?: boolean
  /** Whether a connection may be in several of its rooms at once: then it gets each sender's messages in order over all of them. */
  readonly several?: boolean
  /** Whether the last messages may be kept, for new members. */
  readonly remembers?: boolean
}

/**
 * Why a room was closed on this node. `empty`: its last member left. `expired`: it reached `roomExpiry`. `isolated`: this
 * node was cut off from the others, which count its members as gone. `closed`: an operator closed it, or the program by
 * `closeRoom`. In all cases but the first the relay disconnects the members, and does not announce their leaves to each
 * other.
 */
export type RoomCloseCause = 'empty' | 'expired' | 'isolated' | 'closed'
