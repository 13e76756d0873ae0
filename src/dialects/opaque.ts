import { isUtf8 } from 'node:buffer'
import type { Hello } from '../core/authority.js'
import { closes } from '../core/close-reasons.js'
import type { Conversation } from '../core/conversation.js'
import { encodeFrame, Opcode } from '../core/frame.js'
import type { Member } from '../core/room.js'
import type { Session } from '../core/session.js'
import type { Dialect } from './dialect.js'
import { normalPath } from './path.js'

const MAX_NAME = 256

/** PluresDB's transport puts its topic, 32 bytes, behind the relay's URL. */
const TOPIC = /^\/[\da-f]{64}$/i

/** Whether GUN peers connect there. */
export function isGun(path: string): boolean {
  return path === '/gun' || path.startsWith('/gun/')
}

/** Frames verbatim, text or binary, nothing parsed. See docs/protocol/opaque.md. */
export const opaque: Dialect = {
  name: 'opaque',
  roots: ['gun', 'raw'],

  claims: ({ path }) => /^\/(gun|raw)(\/|$)/.test(path) || TOPIC.test(path),

  converse(session, hello) {
    return new OpaqueConversation(session, hello)
  },

  encode(room, data) {
    const path = `/${room}`
    if (!isRoom(path) || normalPath(path) !== path) {
      throw new TypeError('room must be a path in its one spelling, without the first slash: raw/doc or gun/topic, say')
    }
    if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
      throw new TypeError('data must be a string, or the bytes of a Uint8Array')
    }
    const bytes = Buffer.from(data)
    const text = typeof data === 'string' || (isGun(path) && isUtf8(bytes))
    const frame = encodeFrame(text ? Opcode.text : Opcode.binary, bytes)
    return () => frame
  },
}

/** Whether a path names a room: that of a topic is another one's second name. */
function isRoom(path: string): boolean {
  return (isGun(path) || path.startsWith('/raw/')) && path.length - '/raw/'.length <= MAX_NAME
}

class OpaqueConversation implements Conversation {
  readonly kind = opaque
  readonly #session: Session
  /** The path without its first slash, such as `raw/doc`: so that `/gun/x` and `/raw/x` differ. */
  readonly #room: string
  readonly #gun: boolean
  #member: Member | undefined

  constructor(session: Session, { path }: Hello) {
    this.#session = session
    this.#room = TOPIC.test(path) ? `gun${path.toLowerCase()}` : path.slice(1)
    this.#gun = isGun(`/${this.#room}`)
  }

  opened(): void {
    const name = this.#room.slice('raw/'.length)
    if (this.#room === 'raw') this.#session.close(closes.rawRoomRequired)
    else if (name.length > MAX_NAME) this.#session.close(closes.longRoomName)
    else this.#session.join(opaque, this.#room, { id: this.#session.id })
  }

  joined(member: Member): void {
    this.#member = member
  }

  receive(data: Buffer, binary: boolean): void {
    if (!this.#member) return
    if (!this.#member.mayPublish) {
      // There is no other way to say it: every frame is the peers' own.
      this.#session.deny('publish', closes.notAllowedInRoom)
      return
    }
    // GUN's own peers read text alone; PluresDB's send the same JSON in binary frames.
    const text = !binary || (this.#gun && isUtf8(data))
    const frame = encodeFrame(text ? Opcode.text : Opcode.binary, data)
    this.#session.publish(this.#member.room, frame, this.#member)
  }
}
