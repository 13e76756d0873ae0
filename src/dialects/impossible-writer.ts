import type { Hello } from '../core/authority.js'
import { type CloseReason, closes, type ErrorCode } from '../core/close-reasons.js'
import type { Conversation } from '../core/conversation.js'
import { copyText } from '../core/copies.js'
import { encodeFrame, jsonFrame, Opcode } from '../core/frame.js'
import type { History } from '../core/history.js'
import type { RoomMember } from '../core/member.js'
import type { Member } from '../core/room.js'
import type { Session } from '../core/session.js'
import { costOfHistory } from '../core/work-cost.js'
import type { Dialect } from './dialect.js'
import { JsonMessage, JsonReader, messageOf } from './json.js'
import { isRenewal, renew } from './renewal.js'

const ROOM_ID = /^[A-Za-z0-9_-]+$/
const MAX_ROOM_ID = 128
const MAX_NICKNAME = 64
/** Control characters of ASCII and Latin-1 (Unicode category Cc). */
const CONTROL = /\p{Cc}/u

/** Types of the relay's own notices, which no client may send. */
const RESERVED = new Set([
  'connected',
  'user-joined',
  'user-left',
  'room-expired',
  'server-shutdown',
  'error',
  'history',
])

const COMMA = Buffer.from(',')
const END = Buffer.from(']}')

const reader = new JsonReader({ reads: ['type', 'token'], sets: ['connectionId', 'timestamp'] })

/** Arrays around a single string, however deep. No reserved type is longer than 90, even if it is all escapes. */
const LIST_OF_ONE = /^[[\s]+("(?:[^"\\]|\\.){0,90}")[\]\s]+$/

/** Rooms of JSON messages with a `type`, stamped with who and when. See docs/protocol/impossible-writer.md. */
export const impossibleWriter: Dialect = {
  name: 'impossible-writer',
  roots: ['room'],
  remembers: true,

  claims(hello) {
    const { path } = hello
    return path === '/room' || path.startsWith('/room/') || hello.query.has('room')
  },

  converse(session, hello) {
    return new ImpossibleWriterConversation(session, hello)
  },

  encode(room, data, from) {
    const fault = faultOf(room, undefined)
    if (fault) throw new TypeError(`room: ${fault.reason}`)
    const message = messageOf(data, reader)
    const type = message.string('type')
    if (!type) throw new TypeError('data must have a type, which is a string')
    if (RESERVED.has(type)) throw new TypeError(`The type "${type}" is reserved for the relay`)
    const frame = message.frame(stampOf(from))
    return () => frame
  },

  joined: (who) => presence('user-joined', who),
  left: (who) => presence('user-left', who),
  expired: () => jsonFrame({ type: 'room-expired', message: 'The room has reached its age limit' }),
  shutdown: () => jsonFrame({ type: 'server-shutdown', message: 'Server is shutting down' }),
}

/** What the relay puts at the end of a message, instead of its closing brace. */
function stampOf(connectionId: string): string {
  return `,"connectionId":"${connectionId}","timestamp":${Date.now()}}`
}

function presence(type: string, { id, nickname, room }: RoomMember): Buffer {
  return jsonFrame({ type, connectionId: id, nickname, userCount: room.count })
}

/** The messages as they were relayed, joined without parsing them again. */
function historyFrame(history: History): Buffer {
  const pieces = history.entries.flatMap(({ text }, i) => (i === 0 ? [text] : [COMMA, text]))
  const end = history.omitted > 0 ? Buffer.from(`],"omitted":${history.omitted}}`) : END
  return encodeFrame(Opcode.text, Buffer.concat([Buffer.from('{"type":"history","messages":['), ...pieces, end]))
}

/** The room id that a URL names: by its path, else by its query. */
function roomIdOf(path: string, query: URLSearchParams): string {
  const [, root, segment] = path.split('/')
  return copyText((root === 'room' && segment) || query.get('room') || '')
}

/** What is wrong with the URL, if anything is. */
function faultOf(roomId: string, nickname: string | undefined): CloseReason | undefined {
  if (roomId === '') return closes.roomRequired
  if (!ROOM_ID.test(roomId)) return closes.badRoomId
  if (roomId.length > MAX_ROOM_ID) return closes.longRoomId
  if (nickname !== undefined && (nickname.length > MAX_NICKNAME || CONTROL.test(nickname))) return closes.badNickname
  return undefined
}

/**
 * The type of a message; undefined if JavaScript takes it for false. A type that is no string stands for itself as
 * JSON text. An array around one string stands for that string: a client that compares it loosely, or looks up a
 * handler by it, would take it for that.
 */
function typeOf(message: JsonMessage): string | undefined {
  const type = message.string('type')
  if (type !== undefined) return type || undefined
  const raw = message.raw('type')
  if (raw === undefined || raw === 'null' || raw === 'false' || Number(raw) === 0) return undefined
  const [, element] = LIST_OF_ONE.exec(raw) ?? []
  return element === undefined ? raw : String(JSON.parse(element))
}

class ImpossibleWriterConversation implements Conversation {
  readonly kind = impossibleWriter
  readonly #session: Session
  readonly #roomId: string
  readonly #nickname: string | undefined
  /** Whether the client wants the history. */
  readonly #curious: boolean
  #member: Member | undefined

  constructor(session: Session, { path, query }: Hello) {
    this.#session = session
    this.#roomId = roomIdOf(path, query)
    this.#nickname = copyText(query.get('nickname') ?? '') || undefined
    this.#curious = query.get('history') !== '0'
  }

  opened(): void {
    const fault = faultOf(this.#roomId, this.#nickname)
    if (fault) this.#session.close(fault)
    else {
      this.#session.join(impossibleWriter, this.#roomId, { id: this.#session.id, nickname: this.#nickname })
    }
  }

  receive(data: Buffer, binary: boolean): void {
    const message = reader.read(data, binary)
    if (message instanceof JsonMessage) this.#typed(message)
    else if (message.fault === 'not-json') {
      this.#error('PARSE_ERROR', 'Invalid message format - must be valid JSON')
    } else if (message.fault === 'twice') this.#error('INVALID_MESSAGE', message.why)
    else this.#typeless()
  }

  rateLimited(): void {
    this.#session.send(refusalFor(this.#session.limits))
  }

  joined(member: Member): void {
    this.#member = member
    const { id, room } = member
    this.#session.send(jsonFrame({ type: 'connected', connectionId: id, roomId: room.name, userCount: room.count }))
    if (room.history && this.#curious) {
      const history = historyFrame(room.history)
      this.#session.send(history)
      this.#session.chargeClient(costOfHistory(history.length))
    }
  }

  #typed(message: JsonMessage): void {
    const type = typeOf(message)
    if (type === undefined) this.#typeless()
    else if (RESERVED.has(type)) this.#error('INVALID_MESSAGE', `The type "${type}" is reserved for the relay`)
    else if (isRenewal(this.#session, message)) {
      renew(this.#session, message, (why) => this.#error('INVALID_TOKEN', why))
    } else this.#relay(message)
  }

  #typeless(): void {
    this.#error('INVALID_MESSAGE', 'Message must have a type field')
  }

  /** Publishes the sender's own text with the stamp at its end. */
  #relay(message: JsonMessage): void {
    if (!this.#member) return
    if (!this.#member.mayPublish) {
      this.#error('NOT_ALLOWED', 'Not allowed to publish in this room')
      return
    }
    const frame = message.frame(stampOf(this.#session.id))
    this.#session.publish(this.#member.room, frame, this.#member)
  }

  #error(code: ErrorCode, message: string): void {
    this.#session.reportRefusal(code)
    this.#session.send(errorFrame({ message, code }))
  }
}

/** The same for each message over the rate, of which a flood has thousands. */
const refusals = new WeakMap<Session['limits'], Buffer>()

function refusalFor(limits: Session['limits']): Buffer {
  const known = refusals.get(limits)
  if (known) return known
  const { rateLimit, rateLimitWindow } = limits
  const per = rateLimitWindow === 1000 ? 'second' : `${rateLimitWindow} ms`
  const frame = errorFrame({
    message: `Rate limit exceeded (${rateLimit} messages/${per})`,
    code: 'RATE_LIMIT_EXCEEDED',
  })
  refusals.set(limits, frame)
  return frame
}

function errorFrame(error: { message: string; code: ErrorCode }): Buffer {
  return jsonFrame({ type: 'error', ...error })
}
