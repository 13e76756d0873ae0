// The attacks. Each goes on until it is stopped, from addresses of its own.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @typedef {object} Attack
 * @property {string} name
 * @property {readonly string[]} refused The limits by which the relay has to turn it away.
 * @property {boolean} [stalls] Whether it is known to make others wait, so that their latency is told and not judged.
 * @property {boolean} [tls] Whether it is for a relay with TLS.
 * @property {(target: Target) => Promise<void>} run
 */

/** Where an attack goes, and what it has opened there. */
export class Target {
  /** @type {Set<import('node:net').Socket>} */
  #sockets = new Set()
  #next = 0
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
        // A little a turn, lest the first one keep this process from all others.
        const pour = () => {
          if (this.stopped || socket.destroyed) return
          if (socket.write(next())) setImmediate(pour)
          else socket.once('drain', pour)
        }
        socket.once('data', pour)
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
}

/** @param {string} path */
function upgrade(path) {
  return (
    `GET ${path} HTTP/1.1\r\nHost: relay.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  )
}

/**
 * A client frame with a mask of zeros.
 *
 * @param {number} first The first byte: FIN and the opcode.
 * @param {Buffer} payload
 */
function frame(first, payload, length = payload.length) {
  const header = Buffer.alloc(14)
  header[0] = first
  header[1] = 0x80 | 127
  header.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([header, payload])
}

/**
 * @param {Buffer} piece
 * @param {number} times
 */
function repeat(piece, times) {
  return Buffer.concat(Array.from({ length: times }, () => piece))
}

const EMPTY = Buffer.alloc(0)
const TINY = repeat(Buffer.from([0x82, 0x81, 0, 0, 0, 0, 0x78]), 1000)
const PINGS = repeat(Buffer.from([0x89, 0x80, 0, 0, 0, 0]), 1000)
const FRAGMENTS = repeat(Buffer.from([0x00, 0x80, 0, 0, 0, 0]), 1000)
const FIRST_FRAGMENT = Buffer.from([0x02, 0x80, 0, 0, 0, 0])
const BIG = frame(0x82, Buffer.alloc(512 * 1024))
const TEXTS = repeat(frame(0x81, Buffer.from('{"type":"x"}')), 100)

/** @type {readonly Attack[]} */
export const attacks = [
  {
    name: 'slow handshakes',
    refused: ['handshake-timeout', 'address-connections'],
    async run(target) {
      await target.churn(10, 600, () => {
        const socket = target.connect('GET /raw/x HTTP/1.1\r\nX: ')
        const drip = setInterval(() => socket.write('x'), 300)
        socket.once('close', () => clearInterval(drip))
      })
    },
  },
  {
    name: 'silent sockets',
    refused: ['handshake-timeout', 'address-connections'],
    run: (target) => target.churn(10, 600, () => target.connect()),
  },
  {
    name: 'half-open WebSockets',
    refused: ['heartbeat'],
    run: (target) => target.churn(2, 80, () => target.connect(upgrade('/raw/x'))),
  },
  {
    name: 'WebSockets without a room',
    refused: ['join-timeout'],
    run: (target) => target.churn(2, 80, () => target.connect(upgrade('/'))),
  },
  {
    name: 'fragment floods',
    refused: ['fragments'],
    async run(target) {
      let sent = 0
      await target.flood(4, '/raw/x', () => (sent++ % 3 === 0 ? Buffer.concat([FIRST_FRAGMENT, FRAGMENTS]) : FRAGMENTS))
    },
  },
  { name: 'ping floods', refused: ['throttle'], run: (target) => target.flood(8, '/raw/x', () => PINGS) },
  { name: 'tiny frames', refused: ['throttle'], run: (target) => target.flood(8, '/raw/x', () => TINY) },
  {
    name: 'messages over the rate',
    refused: ['rate', 'flood'],
    run: (target) => target.flood(4, '/room/x', () => TEXTS),
  },
  { name: 'big frames', refused: ['bytes'], run: (target) => target.flood(4, '/raw/x', () => BIG) },
  {
    name: 'frames that claim 4 GiB',
    refused: ['message-size'],
    run: (target) => target.flood(4, '/raw/x', () => frame(0x82, EMPTY, 2 ** 32)),
  },
  {
    name: 'readers that do not read',
    refused: ['backlog'],
    async run(target) {
      for (let i = 0; i < 8; i++) target.connect(upgrade('/raw/slow'), false)
      await target.flood(12, '/raw/slow', () => BIG)
    },
  },
  {
    name: 'header bombs',
    refused: ['headers'],
    run: (target) => target.churn(4, 50, () => target.connect(`GET / HTTP/1.1\r\nX: ${'x'.repeat(64 * 1024)}`)),
  },
  {
    name: 'thousands of headers',
    refused: ['headers'],
    run: (target) =>
      target.churn(4, 50, () => target.connect(`GET / HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(3000)}\r\n`)),
  },
  {
    name: 'bytes that are no HTTP',
    refused: ['bad-request'],
    run: (target) => target.churn(4, 50, () => target.connect('\x16\x03\x01\x02\x00\x01\x00\r\n\r\n')),
  },
  {
    name: 'requests without reading',
    refused: ['requests'],
    // Node handles all requests of a read, up to 64 KiB, before the connection can be cut.
    stalls: true,
    run: (target) =>
      target.churn(1, 20, () => target.connect('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10_000), false)),
  },
  {
    name: '5,000 sockets from 4 addresses',
    refused: ['address-connections'],
    run: (target) => target.churn(20, 5000, () => target.connect(upgrade('/raw/x'))),
  },
  {
    name: 'reconnecting without a pause',
    refused: ['address-rate'],
    run: (target) =>
      target.churn(5, 50, () => {
        const socket = target.connect(upgrade('/raw/x'))
        socket.once('data', () => socket.destroy())
      }),
  },
  {
    name: 'guessing the admin token',
    refused: ['admin-token'],
    async run(target) {
      let guess = 0
      await target.churn(4, 50, () =>
        target.connect(`GET /stats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${guess++}\r\n\r\n`),
      )
    },
  },
  {
    name: 'bad TLS',
    tls: true,
    refused: ['tls'],
    run: (target) => target.churn(4, 50, () => target.connect('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
  },
  {
    name: 'TLS handshakes that never end',
    tls: true,
    refused: ['handshake-timeout', 'address-connections'],
    run: (target) => target.churn(10, 600, () => target.connect(Buffer.from('1603010200010001fc0303', 'hex'))),
  },
]
