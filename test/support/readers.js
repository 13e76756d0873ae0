// A room's readers in a process of their own, which may run in a network namespace. The room comes as JSON in the
// first argument. Told what is sent to it, it reports how it went when every reader has all, or is gone.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { connect as connectTls } from 'node:tls'

const { host, port, tls, path, readers } = JSON.parse(process.argv[2] ?? '{}')

let expected = Number.POSITIVE_INFINITY
let digest = ''
/** Of what the first reader gets. */
const hash = createHash('sha256')
const received = new Uint32Array(readers)
const gone = new Set()

/** Opens a WebSocket, and reads as fast as it can. */
async function open(/** @type {number} */ index) {
  const socket = tls ? connectTls({ host, port, rejectUnauthorized: false }) : connectPlain({ host, port })
  socket.on('error', () => {})
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  // The answer is short, and nothing follows it yet.
  await once(socket, 'data')
  socket.on('data', (piece) => {
    received[index] = (received[index] ?? 0) + piece.length
    if (index === 0) hash.update(piece)
    check()
  })
  socket.on('close', () => {
    gone.add(index)
    check()
  })
}

/** Reports once nothing more will come. */
function check() {
  if (!received.every((bytes, index) => bytes >= expected || gone.has(index))) return
  const whole = received.filter((bytes) => bytes === expected).length
  expected = Number.POSITIVE_INFINITY
  process.send?.({ whole, cut: gone.size, intact: hash.digest('hex') === digest })
}

process.on('message', (/** @type {{ bytes: number, digest: string }} */ told) => {
  expected = told.bytes
  digest = told.digest
  check()
})
process.on('disconnect', () => process.exit())

for (let i = 0; i < readers; i++) await open(i)
process.send?.('ready')
