import type { Hello } from '../core/authority.js'
import type { Conversation } from '../core/conversation.js'
import { closes } from '../core/errors.js'
import { encodeFrame, Opcode } from '../core/frame.js'
import type { Member } from '../core/room.js'
import type { Session } from '../core/session.js'
import type { Dialect } from './dialect.js'

const MAX_NAME = 256

/** Frames verbatim, text or binary, nothing parsed. See docs/protocol/opaque.md. */
export const opaque: Dialect = {
  name: 'opaque',
  roots: ['gun', 'raw'],

  claims: ({ path }) => /^\/(gun|raw)(\/|$)/.test(path),

  converse(session, hello) {
    return new Pipe(session, hello)
  },
}

class Pipe implements Conversation {
  readonly kind = opaque
  readonly #session: Session
  /** The path without its first slash, such as `raw/doc`: so that `/gun/x` and `/raw/x` differ. */
  readonly #room: string
  #member: Member | undefined

  constructor(session: Session, { path }: Hello) {
    this.#session = session
    this.#room = path.slice(1)
  }

  opened(): void {
    const name = this.#room.slice('raw/'.length)
    if (this.#room === 'raw') this.#session.close(closes.rawRoomRequired)
    else if (name.length > MAX_NAME) this.#session.close(closes.longRoomName)
    else {
      this.#session.join(opaque, this.#room, { id: this.#session.id }, (member) => {
        this.#member = member
      })
    }
  }

  receive(data: Buffer, binary: boolean): void {
    if (!this.#member) return
    if (!this.#member.mayPublish) {
      // There is no other way to say it: every frame is the peers' own.
      this.#session.deny('publish', closes.notAllowedInRoom)
      return
    }
    const frame = encodeFrame(binary ? Opcode.binary : Opcode.text, data)
    this.#session.publish(this.#member.room, frame, this.#member)
  }
}
