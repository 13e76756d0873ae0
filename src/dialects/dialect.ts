import type { Hello } from '../core/authority.js'
import type { Conversation } from '../core/conversation.js'
import type { RoomKind } from '../core/room.js'
import type { Session } from '../core/session.js'

/** The dialects, by the names that users give them. */
export const dialectNames = ['impossible-writer', 'pluresdb', 'y-webrtc', 'opaque'] as const

/** The name of a dialect. */
export type DialectName = (typeof dialectNames)[number]

/** One wire protocol: turns bytes into a session's verbs, and a room's events into bytes. Touches no socket. */
export interface Dialect extends RoomKind {
  readonly name: DialectName
  /** The first segments of the paths that are its own. */
  readonly roots: readonly string[]
  /** Whether a connection with this URL speaks this dialect. */
  claims(hello: Hello): boolean
  /** Whether a connection at `/` speaks this dialect, by the type of its first message. */
  recognises?(type: string): boolean
  converse(session: Session, hello: Hello): Conversation
}
