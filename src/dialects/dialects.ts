import type { Hello } from '../core/authority.js'
import { closes } from '../core/close-reasons.js'
import type { Conversation } from '../core/conversation.js'
import type { RoomKind } from '../core/kind.js'
import type { Session } from '../core/session.js'
import { type Dialect, type DialectName, dialectNames } from './dialect.js'
import { impossibleWriter } from './impossible-writer.js'
import { JsonMessage, JsonReader } from './json.js'
import { opaque } from './opaque.js'
import { pluresdb } from './pluresdb.js'
import { yWebrtc } from './y-webrtc.js'

/** In the order in which they are asked: `?room=` counts only on a path that is nobody else's. */
const all: readonly Dialect[] = [opaque, pluresdb, yWebrtc, impossibleWriter]

/** The dialects that a relay serves. */
export class Dialects {
  readonly #served: readonly Dialect[]

  constructor(names: readonly DialectName[] = dialectNames) {
    this.#served = all.filter(({ name }) => names.includes(name))
  }

  /** The dialect of that name, if it is served. */
  find(name: string): Dialect | undefined {
    return this.#served.find((dialect) => dialect.name === name)
  }

  /** Whether a path is one of the relay's own, for those who share the port with it. */
  owns(path: string): boolean {
    const [, root = ''] = path.split('/')
    const hello = { path, query: new URLSearchParams(), headers: {} }
    return path === '/' || this.#served.some((dialect) => dialect.roots.includes(root) || dialect.claims(hello))
  }

  /** Begins the conversation that a URL asks for; at `/` without a room the first message decides. */
  converse(session: Session, hello: Hello): Conversation {
    const claimed = this.#served.find((dialect) => dialect.claims(hello))
    if (claimed) return claimed.converse(session, hello)
    const candidates = this.#served.filter((dialect) => dialect.recognises)
    if (hello.path === '/' && candidates.length > 0) return new UndecidedConversation(session, hello, candidates)
    // It says what is missing, in the words of its own protocol.
    if (this.#served.includes(impossibleWriter)) return impossibleWriter.converse(session, hello)
    return new UnknownPathConversation(session)
  }
}

const reader = new JsonReader({ reads: ['type'] })

/**
 * A connection at `/` that has not said yet which dialect it speaks. What no dialect recognises is
 * answered in the words of the first, and leaves the choice open.
 */
class UndecidedConversation implements Conversation {
  readonly kind = undefined
  readonly #session: Session
  readonly #hello: Hello
  readonly #dialects: readonly Dialect[]

  constructor(session: Session, hello: Hello, dialects: readonly Dialect[]) {
    this.#session = session
    this.#hello = hello
    this.#dialects = dialects
  }

  receive(data: Buffer, binary: boolean): void {
    const first = reader.read(data, binary)
    const type = first instanceof JsonMessage ? first.string('type') : undefined
    const dialect = type === undefined ? undefined : this.#dialects.find((each) => each.recognises?.(type))
    if (dialect) this.#session.adopt(dialect.converse(this.#session, this.#hello), data, binary)
    else this.#dialects[0]?.converse(this.#session, this.#hello).receive(data, binary)
  }
}

/** A connection whose path no dialect serves. */
class UnknownPathConversation implements Conversation {
  readonly kind: RoomKind | undefined = undefined
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  opened(): void {
    this.#session.close(closes.unknownPath)
  }

  receive(): void {}
}
