import type { Conversation } from '../core/conversation.js'
import { jsonFrame } from '../core/frame.js'
import type { Member } from '../core/room.js'
import type { Session } from '../core/session.js'
import type { Dialect } from './dialect.js'
import { isName, type JsonObject, parseObject, spliceFrame, textWithout } from './json.js'
import { isRenewal, renew } from './renewal.js'

const MAX_TOPIC = 256
const FIRST = new Set<unknown>(['subscribe', 'publish', 'ping'])
/** The field that only the relay may set. */
const CLIENTS = ['clients']
const PONG = jsonFrame({ type: 'pong' })

/** Publish and subscribe by topic, for the WebRTC signaling of Yjs editors. See docs/protocol/y-webrtc.md. */
export const yWebrtc: Dialect = {
  name: 'y-webrtc',
  roots: ['y-webrtc'],
  several: true,

  claims: ({ path }) => path === '/y-webrtc',
  recognises: (first) => FIRST.has(first['type']),

  converse(session) {
    return new Subscriber(session)
  },
}

class Subscriber implements Conversation {
  readonly kind = yWebrtc
  readonly #session: Session
  readonly #topics = new Map<string, Member>()

  constructor(session: Session) {
    this.#session = session
  }

  receive(data: Buffer, binary: boolean): void {
    const message = parseObject(data, binary)
    if (message === 'not-json') this.#error('Invalid message: not JSON')
    else if (message === 'not-an-object' || typeof message['type'] !== 'string') {
      this.#error('Invalid message: a JSON object with a type is required')
    } else if (message['type'] === 'publish') this.#publish(data, message)
    else if (message['type'] === 'ping') this.#session.send(PONG)
    else if (message['type'] === 'subscribe') this.#withTopics(message, (topics) => this.#subscribe(topics))
    else if (message['type'] === 'unsubscribe') this.#withTopics(message, (topics) => this.#unsubscribe(topics))
    else if (isRenewal(this.#session, message)) renew(this.#session, message, (why) => this.#error(why))
    else this.#error('Unknown message type')
  }

  #publish(data: Buffer, message: JsonObject): void {
    const { topic } = message
    if (!isName(topic, MAX_TOPIC)) {
      this.#error(`topic must be a string of 1 to ${MAX_TOPIC} characters`)
      return
    }
    const text = textWithout(data, message, CLIENTS)
    if (!text) {
      this.#error('Message is nested too deeply')
      return
    }
    const encode = (clients: number): Buffer => spliceFrame(text, `,"clients":${clients}}`)
    const member = this.#topics.get(topic)
    if (member && !member.mayPublish) this.#error('Not allowed to publish in this room')
    else if (member) this.#session.publish(member.room, encode(member.room.count))
    else this.#session.publishTo(yWebrtc, topic, encode)
  }

  #withTopics({ topics }: JsonObject, act: (topics: Set<string>) => void): void {
    const { maxTopics } = this.#session.limits
    if (!Array.isArray(topics)) this.#badTopics()
    else if (maxTopics > 0 && topics.length > maxTopics) this.#tooManyTopics()
    else if (!topics.every((topic): topic is string => isName(topic, MAX_TOPIC))) this.#badTopics()
    else act(new Set(topics))
  }

  #subscribe(topics: Set<string>): void {
    const { maxTopics } = this.#session.limits
    const wanted = [...topics].filter((topic) => !this.#topics.has(topic))
    if (maxTopics > 0 && this.#topics.size + wanted.length > maxTopics) {
      this.#tooManyTopics()
      return
    }
    for (const topic of wanted) {
      this.#session.join(yWebrtc, topic, { id: this.#session.id }, (member) => this.#topics.set(topic, member))
    }
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
    this.#session.limited('topics')
    this.#error(`Too many topics: at most ${this.#session.limits.maxTopics} a connection`)
  }

  #error(message: string): void {
    this.#session.refuse(message)
    this.#session.send(jsonFrame({ type: 'error', message }))
  }
}
