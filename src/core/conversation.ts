import type { RoomKind } from './kind.js'
import type { Member } from './room.js'

/** One connection's side of a dialect. */
export interface Conversation {
  /** The dialect that it speaks; undefined as long as that is open. */
  readonly kind: RoomKind | undefined
  /** Called once the connection may speak. */
  opened?(): void
  /** A message came, whole. */
  receive(data: Buffer, binary: boolean): void
  /** It is in a room, and the others have not heard of it yet: the place for a welcome. */
  joined?(member: Member): void
  /** It is not in the room that it wanted: it chose an id that belongs to another user. */
  idRefused?(): void
  /** Answers a message over the rate limit. A dialect without it slows the sender down instead. */
  rateLimited?(): void
}
