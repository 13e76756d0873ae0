import type { Conversation } from '../core/conversation.js'
import { jsonFrame, textFrames } from '../core/frame.js'
import type { Member } from '../core/room.js'
import type { Session } from '../core/session.js'
import type { Dialect } from './dialect.js'
import { asciiJson, isName, JsonMessage, JsonReader } from './json.js'
import { isRenewal, renew } from './renewal.js'

const MAX_TOPIC = 256
const MAX_PEER_ID = 128

const reader = new JsonReader({
  reads: ['type', 'data', 'topic', 'peerId', 'token'],
  relays: ['type', 'data'],
})

/** Topics of peers that exchange data. See docs/protocol/pluresdb.md. */
export const pluresdb: Dialect = {
  name: 'pluresdb',
  chosenIds: true,
  roots: ['pluresdb'],

  claims: ({ path }) => path === '/pluresdb',
  recognises: (type) => type === 'join',

  converse(session) {
    return new PluresdbConversation(session)
  },

  encode(topic, message) {
    if (!isName(topic, MAX_TOPIC)) throw new TypeError(`room must be a string of 1 to ${MAX_TOPIC} characters`)
    const { peerId, data } = Object(message) as Readonly<Record<string, unknown>>
    if (!isName(peerId, MAX_PEER_ID)) {
      throw new TypeError(`data.peerId must be a string of 1 to ${MAX_PEER_ID} characters`)
    }
    if (JSON.stringify(data) === undefined) throw new TypeError('data.data must be something that JSON has')
    const frame = jsonFrame({ type: 'data', data, peerId })
    return () => frame
  },

  joined: (who) => presence('peer-joined', who.id, who.room.name),
  left: (who) => presence('peer-left', who.id, who.room.name),
}

function presence(type: 'peer-joined' | 'peer-left', peerId: string, topic: string): Buffer {
  return jsonFrame({ type, peerId, topic })
}

class PluresdbConversation implements Conversation {
  readonly kind = pluresdb
  readonly #session: Session
  #member: Member | undefined

  constructor(session: Session) {
    this.#session = session
  }

  receive(data: Buffer, binary: boolean): void {
    const message = reader.read(data, binary)
    if (!(message instanceof JsonMessage)) {
      this.#error(message.why)
      return
    }
    if (message.is('type', 'data')) this.#data(message)
    else if (message.is('type', 'join')) this.#join(message)
    else if (isRenewal(this.#session, message)) renew(this.#session, message, (why) => this.#error(why))
    else if (message.string('type') === undefined) this.#error('Invalid message: a JSON object with a type is required')
    else this.#error('Unknown message type')
  }

  #join(message: JsonMessage): void {
    const topic = message.string('topic')
    const peerId = message.has('peerId') ? message.string('peerId') : this.#session.id
    if (topic === undefined || topic === '') this.#error('Topic is required for join')
    else if (!isName(topic, MAX_TOPIC)) this.#error(`Topic must have at most ${MAX_TOPIC} characters`)
    else if (!isName(peerId, MAX_PEER_ID)) this.#error(`peerId must be a string of 1 to ${MAX_PEER_ID} characters`)
    else if (this.#member?.room.name !== topic || this.#member.id !== peerId) {
      if (this.#member) this.#session.leave(this.#member)
      this.#member = undefined
      this.#session.join(pluresdb, topic, { id: peerId })
    }
  }

  idRefused(): void {
    this.#error('peerId belongs to another user')
  }

  /** Sends a new member a notice for every other peer present. */
  joined(member: Member): void {
    this.#member = member
    const { id, room } = member
    const end = `,"topic":${JSON.stringify(room.name)}}`
    const notices: string[] = []
    for (const other of room.ids()) {
      if (other !== id) notices.push(`{"type":"peer-joined","peerId":${JSON.stringify(other)}${end}`)
    }
    if (notices.length > 0) this.#session.send(textFrames(notices))
  }

  /** Publishes the sender's own text with its `peerId` at the end. */
  #data(message: JsonMessage): void {
    if (!this.#member) this.#error('Join a topic before sending data')
    else if (!this.#member.mayPublish) this.#error('Not allowed to publish in this room')
    else if (!message.has('data')) this.#error('data is required')
    else {
      const frame = message.frame(`,"peerId":${asciiJson(this.#member.id)}}`)
      this.#session.publish(this.#member.room, frame, this.#member)
    }
  }

  #error(payload: string): void {
    this.#session.reportRefusal(payload)
    this.#session.send(jsonFrame({ type: 'error', payload }))
  }
}
