// The attacks. Each goes on until it is stopped, from addresses of its own.
import { createHmac } from 'node:crypto'
import { connect as connectTls } from 'node:tls'
import { upgrade } from './target.js'

/** @typedef {import('./target.js').Target} Target */

/**
 * @typedef {object} Attack
 * @property {string} name
 * @property {readonly string[]} refused The names under which the metrics have to tell that it was turned away.
 * @property {'plain' | 'tls' | 'guarded'} [against] The relay that it is for: `plain` unless it says so.
 * @property {boolean} [stalls] Whether it is known to make others wait, so that their latency is told and not judged.
 * @property {(target: Target) => Promise<void>} run
 */

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
/** An empty message in a thousand fragments. */
const FRAGMENTS = Buffer.concat([
  Buffer.from([0x02, 0x80, 0, 0, 0, 0]),
  repeat(Buffer.from([0x00, 0x80, 0, 0, 0, 0]), 1000),
  Buffer.from([0x80, 0x80, 0, 0, 0, 0]),
])
const BIG = frame(0x82, Buffer.alloc(512 * 1024))
const TEXTS = repeat(frame(0x81, Buffer.from('{"type":"x"}')), 100)

/**
 * A JSON Web Token, signed with a guess.
 *
 * @param {object} header
 * @param {object} claims
 */
function forge(header, claims) {
  const parts = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  const signature = createHmac('sha256', 'a guess').update(parts.join('.')).digest('base64url')
  return `${parts.join('.')}.${signature}`
}

const CLAIMS = { rooms: ['*'], sub: 'root' }
const FORGED = forge({ alg: 'HS256' }, CLAIMS)
const GUESSES = [FORGED, forge({ alg: 'none' }, CLAIMS), 'sesame', '']

/** @type {readonly Attack[]} */
export const attacks = [
  {
    name: 'slow handshakes',
    refused: ['handshake-timeout'],
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
    refused: ['handshake-timeout'],
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
    refused: ['throttle'],
    run: (target) => target.flood(4, '/raw/x', () => FRAGMENTS),
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
      // Most of the room reads, so that senders do not wait for the rest until the heartbeat finds them.
      await target.flood(24, '/raw/slow', () => BIG)
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
    against: 'tls',
    refused: ['tls'],
    run: (target) => target.churn(4, 50, () => target.connect('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
  },
  {
    name: 'TLS handshakes that never end',
    against: 'tls',
    refused: ['handshake-timeout'],
    run: (target) => target.churn(10, 600, () => target.connect(Buffer.from('1603010200010001fc0303', 'hex'))),
  },
  {
    name: 'handshakes over TLS, one after another',
    against: 'tls',
    refused: ['address-rate'],
    run: (target) =>
      target.churn(5, 50, () => {
        const socket = connectTls({ socket: target.connect(), rejectUnauthorized: false })
        socket.on('error', () => {}).once('secureConnect', () => socket.destroy())
      }),
  },
  {
    name: 'guessing tokens',
    against: 'guarded',
    refused: ['token-signature', 'token-malformed', 'token-algorithm', 'token-missing', 'address-rate'],
    async run(target) {
      let guess = 0
      await target.churn(4, 50, () => {
        const token = GUESSES[guess++ % GUESSES.length]
        target.connect(upgrade(`/room/conversation?token=${token}`)).once('data', hangUp)
      })
    },
  },
  {
    name: 'guessing tokens for /ice-servers',
    against: 'guarded',
    refused: ['token-signature', 'requests'],
    run: (target) =>
      target.churn(4, 50, () => {
        const asking = `GET /ice-servers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${FORGED}\r\n\r\n`
        target.connect(asking.repeat(20))
      }),
  },
  {
    name: 'pages of other origins',
    against: 'guarded',
    refused: ['origin'],
    run: (target) =>
      target.churn(4, 50, () => {
        target.connect(upgrade('/room/conversation', 'Origin: https://evil.example\r\n')).once('data', hangUp)
      }),
  },
]

/** @this {import('node:net').Socket} */
function hangUp() {
  this.destroy()
}
