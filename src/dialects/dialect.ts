import type { Hello } from '../core/authority.js'
import type { Conversation } from '../core/conversation.js'
import type { RoomKind } from '../core/kind.js'
import type { Session } from '../core/session.js'

/** The dialects, by the names that users give them. */
export const dialectNames = ['impossible-writer', 'pluresdb', 'y-webrtc', 'opaque'] as const

/** The name of a dialect. */
export type DialectName = (typeof dialectNames)[number]

/** What `relay.publish` takes in each dialect. */
export interface PublishData {
  /** Stamped with `connectionId` and `timestamp`, as messages of members are. */
  'impossible-writer': { type: string; [field: string]: unknown }
  /** `data` is any JSON. `peerId` names the sender. */
  pluresdb: { peerId: string; data: unknown }
  /** The fields beside `type`, `topic` and `clients`, which the relay sets. */
  'y-webrtc': { [field: string]: unknown }
  /** Text, or the bytes of a binary frame. */
  opaque: string | Uint8Array
}

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
  /**
   * A message of the program that the relay is part of, in the form in which members hear each other.
   *
   * @param from Stands for the program where a message names the connection of its sender.
   * @returns Makes the frame, given how many members the room has.
   * @throws {TypeError} If the dialect has no such room, or no such message.
   */
  encode(room: string, data: unknown, from: string): (count: number) => Buffer
}
