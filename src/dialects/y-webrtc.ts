import type { Conversation } from '../core/conversation.js'
import { jsonFrame } from '../core/frame.js'
import type { Member } from '../core/room.js'
import type { Session } from '../core/session.js'
import type { Dialect } from './dialect.js'
import { isName, JsonMessage, JsonReader, messageOf } from './json.js'
import { isRenewal, renew } from './renewal.js'

const MAX_TOPIC = 256
const FIRST = new Set(['subscribe', 'publish', 'ping'])
const reader = new JsonReader({ reads: ['type', 'topic', 'topics', 'token'], sets: ['clients'] })
const PONG = jsonFrame({ type: 'pong' })

/** Publish and subscribe by topic, for the WebRTC signaling of Yjs editors. See docs/protocol/y-webrtc.md. */
export const yWebrtc: Dialect = {
  name: 'y-webrtc',
  roots: ['y-webrtc'],
  several: true,

  claims: ({ path }) => path === '/y-webrtc',
  recognises: (type) => FIRST.has(type),

  converse(session) {
    return new YWebrtcConversation(session)
  },

  encode(topic, data) {
    if (!isName(topic, MAX_TOPIC)) throw new TypeError(`room must be a string of 1 to ${MAX_TOPIC} characters`)
    if (typeof data !== 'object' || data === null || Array.isArray(data)) throw new TypeError('data must be an object')
    const message = messageOf({ ...data, type: 'publish', topic }, reader)
    return (clients) => message.frame(`,"clients":${clients}}`)
  },
}

class YWebrtcConversation implements Conversation {
  readonly kind = yWebrtc
  readonly #session: Session
  readonly #topics = new Map<string, Member>()

  constructor(session: Session) {
    this.#session = session
  }

  receive(data: Buffer, binary: boolean): void {
    const message = reader.read(data, binary)
    if (!(message instanceof JsonMessage)) {
      this.#error(message.why)
      return
    }
    if (message.is('type', 'publish')) this.#publish(message)
    else if (message.is('type', 'ping')) this.#session.send(PONG)
    else if (message.is('type', 'subscribe')) this.#withTopics(message, (topics) => this.#subscribe(topics))
    else if (message.is('type', 'unsubscribe')) this.#withTopics(message, (topics) => this.#unsubscribe(topics))
    else if (isRenewal(this.#session, message)) renew(this.#session, message, (why) => this.#error(why))
    else if (message.string('type') === undefined) this.#error('Invalid message: a JSON object with a type is required')
    else this.#error('Unknown message type')
  }

  joined(member: Member): void {
    this.#topics.set(member.room.name, member)
  }

  #publish(message: JsonMessage): void {
    const topic = message.string('topic')
    if (!isName(topic, MAX_TOPIC)) {
      this.#error(`topic must be a string of 1 to ${MAX_TOPIC} characters`)
      return
    }
    const encode = (clients: number): Buffer => message.frame(`,"clients":${clients}}`)
    const member = this.#topics.get(topic)
    if (member && !member.mayPublish) this.#error('Not allowed to publish in this room')
    else if (member) this.#session.publish(member.room, encode(member.room.count))
    else this.#session.publishTo(yWebrtc, topic, encode)
  }

  #withTopics(message: JsonMessage, act: (topics: Set<string>) => void): void {
    const { maxTopics } = this.#session.limits
    const topics = message.strings('topics')
    if (!topics) this.#badTopics()
    else if (maxTopics > 0 && topics.length > maxTopics) this.#tooManyTopics()
    else if (!topics.every((topic) => isName(topic, MAX_TOPIC))) this.#badTopics()
    else act(new Set(topics))
  }

  #subscribe(topics: Set<string>): void {
    const { maxTopics } = this.#session.limits
    const wanted = [...topics].filter((topic) => !this.#topics.has(topic))
    if (maxTopics > 0 && this.#topics.size + wanted.length > maxTopics) {
      this.#tooManyTopics()
      return
    }
    for (const topic of wanted) this.#session.join(yWebrtc, topic, { id: this.#session.id })
  }

  #unsubscribe(topics: Set<string>): void {
    for (const topic of topics) {
      const member = this.#topics.get(topic)
      if (!member) continue
      this.#topics.delete(topic)
      this.#session.leave(member)
    }
  }

  #badTopics(): void {
    this.#error(`topics must be a list of strings of 1 to ${MAX_TOPIC} characters`)
  }

  #tooManyTopics(): void {
    this.#session.reportLimit('topics')
    this.#error(`Too many topics: at most ${this.#session.limits.maxTopics} a connection`)
  }

  #error(message: string): void {
    this.#session.reportRefusal(message)
    this.#session.send(jsonFrame({ type: 'error', message }))
  }
}
