// A normal conversation: a few members of a room who all talk, and count what they hear.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'

const MEMBERS = 4

/** Milliseconds between two messages of a member. */
const PAUSE = 10

/** How long what was said may be on its way, in milliseconds, before it counts as lost. */
const PATIENCE = 10_000

/** @typedef {{ sent: number, lost: number, p50: number, p99: number }} Outcome Latencies in milliseconds. */

export class Conversation {
  /** @type {WebSocket[]} */
  #members = []
  /** How many messages each member has sent. */
  #sent = Array.from({ length: MEMBERS }, () => 0)
  /** What each member has heard of each: how many, in order and without a gap. */
  #heard = Array.from({ length: MEMBERS }, () => Array.from({ length: MEMBERS }, () => 0))
  #faults = 0
  /** @type {number[]} */
  #latencies = []

  /** @param {string} url Of the room. */
  static async open(url) {
    const conversation = new Conversation()
    for (let index = 0; index < MEMBERS; index++) await conversation.#join(url, index)
    return conversation
  }

  /**
   * Talks for a time, and on until `enough`; and then waits until everything has been heard.
   *
   * @param {number} milliseconds
   * @param {() => boolean} enough
   * @returns {Promise<Outcome>}
   */
  async talk(milliseconds, enough = () => true) {
    this.#latencies = []
    this.#faults = 0
    const before = this.#sent.reduce((sum, count) => sum + count)
    const end = performance.now() + milliseconds
    while (performance.now() < end || !enough()) {
      for (const [index, socket] of this.#members.entries()) {
        socket.send(`${index} ${this.#next(index)} ${performance.now()} ${'x'.repeat(100)}`)
      }
      await sleep(PAUSE)
    }
    const deadline = performance.now() + PATIENCE
    while (this.#missing() > 0 && performance.now() < deadline) await sleep(PAUSE)
    const sorted = Float64Array.from(this.#latencies).sort()
    return {
      sent: this.#sent.reduce((sum, count) => sum + count) - before,
      lost: this.#missing() + this.#faults,
      p50: sorted[Math.floor(0.5 * sorted.length)] ?? Number.NaN,
      p99: sorted[Math.floor(0.99 * sorted.length)] ?? Number.NaN,
    }
  }

  close() {
    for (const socket of this.#members) socket.terminate()
  }

  /**
   * @param {string} url
   * @param {number} index
   */
  async #join(url, index) {
    const socket = new WebSocket(url, { rejectUnauthorized: false })
    socket.on('error', () => {})
    socket.on('message', (data) => this.#hear(index, String(data)))
    await once(socket, 'open')
    // It is read only once the client may speak.
    socket.ping()
    await once(socket, 'pong')
    this.#members.push(socket)
  }

  /**
   * @param {number} listener
   * @param {string} text
   */
  #hear(listener, text) {
    const [speaker = 0, number = 0, at = 0] = text.split(' ', 3).map(Number)
    this.#latencies.push(performance.now() - at)
    const heard = this.#heard[listener]
    if (!heard) return
    if (heard[speaker] === number) heard[speaker] = number + 1
    else this.#faults++
  }

  /** @param {number} speaker */
  #next(speaker) {
    const number = this.#sent[speaker] ?? 0
    this.#sent[speaker] = number + 1
    return number
  }

  /** How many messages have not been heard, over all listeners. */
  #missing() {
    let missing = 0
    for (const [listener, heard] of this.#heard.entries()) {
      for (const [speaker, count] of heard.entries()) {
        if (speaker !== listener) missing += (this.#sent[speaker] ?? 0) - count
      }
    }
    return missing
  }
}
