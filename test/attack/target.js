import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'

/** What an attacker has to send with: a gigabit a second. What the relay does not read is not sent, so few get that far. */
const BYTES_PER_MILLISECOND = 125_000

/** Where an attack goes, and what it has opened there. */
export class Target {
  /** @type {Set<import('node:net').Socket>} */
  #sockets = new Set()
  #next = 0
  #start = performance.now()
  #sent = 0
  stopped = false

  /**
   * @param {number} port
   * @param {readonly string[]} addresses Where the attack comes from.
   */
  constructor(port, addresses) {
    this.port = port
    this.addresses = addresses
  }

  get open() {
    return this.#sockets.size
  }

  /** Opens a TCP connection and sends something as soon as it stands. */
  connect(/** @type {string | Buffer} */ first = '', reads = true) {
    const localAddress = this.addresses[this.#next++ % this.addresses.length]
    const from = localAddress !== undefined && { localAddress }
    const socket = connect({ port: this.port, host: '127.0.0.1', ...from })
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
    if (reads) socket.resume()
    else socket.pause()
    if (first !== '') socket.write(first)
    return socket
  }

  /** Opens WebSockets and keeps sending on each what `next` says, as fast as the relay reads; a new one for each that ends. */
  async flood(/** @type {number} */ count, /** @type {string} */ path, /** @type {() => Buffer} */ next) {
    while (!this.stopped) {
      while (this.open < count) {
        const socket = this.connect(upgrade(path))
        socket.once('data', () => void this.#pour(socket, next))
      }
      await sleep(20)
    }
  }

  /** Opens so many connections each 10 ms, as long as fewer than `most` are open. */
  async churn(/** @type {number} */ count, /** @type {number} */ most, /** @type {() => void} */ open) {
    while (!this.stopped) {
      for (let i = 0; i < count && this.open < most; i++) open()
      await sleep(10)
    }
  }

  stop() {
    this.stopped = true
    for (const socket of this.#sockets) socket.destroy()
  }

  /**
   * @param {import('node:net').Socket} socket
   * @param {() => Buffer} next
   */
  async #pour(socket, next) {
    const gone = once(socket, 'close').catch(() => {})
    while (!this.stopped && !socket.destroyed) {
      const piece = next()
      this.#sent += piece.length
      const wait = this.#start + this.#sent / BYTES_PER_MILLISECOND - performance.now()
      await (wait > 0 ? sleep(wait) : turn())
      if (!socket.destroyed && !socket.write(piece)) await Promise.race([once(socket, 'drain').catch(() => {}), gone])
    }
  }
}

/**
 * A handshake.
 *
 * @param {string} path
 * @param {string} headers More of them.
 */
export function upgrade(path, headers = '') {
  return (
    `GET ${path} HTTP/1.1\r\nHost: relay.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  )
}
