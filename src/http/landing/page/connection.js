/** @import { Wire } from './log.js' */

/** @typedef {'connecting' | 'open' | 'waiting' | 'closed'} State */

/** The longest pause between two attempts, in milliseconds. */
const MAX_PAUSE = 30_000

/** A connection that lasted as long as this has not failed, in milliseconds. */
const LASTING = 10_000

/** Codes that say the fault is the client's: coming back would change nothing. */
const FINAL = new Set([1002, 1003, 1007, 1008, 1009, 1010])

/** What a code without a reason means. @type {Readonly<Record<number, string>>} */
const MEANINGS = {
  1000: 'closed',
  1001: 'the relay is going away',
  1006: 'the connection broke, or the relay cannot be reached',
}

/** What a visitor can make of a refusal. @type {readonly [RegExp, string][]} */
const HINTS = [
  [/token/i, 'This relay lets in only who brings a token, and this page has none.'],
  [/origin/i, 'This relay takes no connections from pages at this address.'],
  [/not allowed/i, 'This relay has rules about who may connect, and they keep this page out.'],
]

/** A WebSocket that comes back by itself, after pauses that grow and are never quite the same. */
export class Connection {
  #url
  #wire
  #handler
  /** @type {WebSocket | undefined} */
  #socket
  #attempts = 0
  #timer = 0
  #leaving = false

  /**
   * @param {string} url
   * @param {Wire} wire Sees all that goes over it.
   * @param {{ opened(): void, received(data: string): void, turned(state: State, text: string): void }} handler
   */
  constructor(url, wire, handler) {
    this.#url = url
    this.#wire = wire
    this.#handler = handler
    addEventListener('online', () => {
      if (this.#timer) this.connect()
    })
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  connect() {
    this.#stopWaiting()
    this.#leaving = false
    this.#handler.turned('connecting', 'Connecting')
    const socket = new WebSocket(this.#url)
    this.#socket = socket
    let opened = Number.POSITIVE_INFINITY
    socket.onopen = () => {
      opened = Date.now()
      this.#wire.note('opened', this.#url)
      this.#handler.turned('open', 'Connected')
      this.#handler.opened()
    }
    socket.onmessage = ({ data }) => {
      this.#wire.frame('received', data)
      this.#handler.received(data)
    }
    socket.onclose = ({ code, reason }) => {
      if (Date.now() - opened > LASTING) this.#attempts = 0
      const why = `${reason || MEANINGS[code] || 'no reason given'} (${code})`
      this.#wire.note('closed', why)
      if (this.#leaving) this.#handler.turned('closed', 'Disconnected')
      else if (FINAL.has(code)) this.#giveUp(reason, why)
      else this.#wait(why)
    }
  }

  disconnect() {
    this.#leaving = true
    this.#socket?.close(1000)
  }

  /** @param {object} message */
  send(message) {
    const data = JSON.stringify(message)
    this.#socket?.send(data)
    this.#wire.frame('sent', data)
  }

  /**
   * @param {string} reason
   * @param {string} why
   */
  #giveUp(reason, why) {
    const [, hint] = HINTS.find(([pattern]) => pattern.test(reason)) ?? []
    this.#handler.turned('closed', `Closed: ${why}${hint ? `. ${hint}` : ''}`)
  }

  /** @param {string} why */
  #wait(why) {
    const pause = Math.min(MAX_PAUSE, 1000 * 2 ** this.#attempts++) * (0.5 + Math.random() / 2)
    this.#timer = setTimeout(() => this.connect(), pause)
    this.#handler.turned('waiting', `Reconnecting in ${Math.ceil(pause / 1000)} s: ${why}`)
  }

  #stopWaiting() {
    clearTimeout(this.#timer)
    this.#timer = 0
  }
}
