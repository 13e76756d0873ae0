/** A process of its own: clients that come, go, stall, flood, send rubbish and cut their sockets. */
import { randomBytes, randomInt } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../client.js'
import { dialects, stampOffset } from '../dialects.js'
import { encodeFrame, Opcode, textFrame } from '../frames.js'
import { DIALECTS, ROOMS } from './conversation.js'

/** How many of each are at it at the same time. */
const CROWD = { visit: 60, vanish: 20, stall: 6, sleep: 6, flood: 6, babble: 8, dawdle: 8, ask: 2 }

/** Rooms of their own; those of the conversation they only listen in. */
const BUSY = 100
const QUIET = 200
const SOCIAL = 300
const SOCIAL_ROOMS = 20

/** Members' numbers above those of the conversation. */
const FIRST_MEMBER = 1000

/** What may wait in a flooder before it waits itself, in bytes. */
const MAX_UNSENT = 2 ** 20

let port
/** Aborted at the end of a round. */
let round
const counts = Object.fromEntries(Object.keys(CROWD).map((role) => [role, 0]))

const pick = (list) => list[randomInt(list.length)]
const pause = (from, to) => sleep(randomInt(from, to), undefined, { signal: round.signal })

/** A place in the crowd: whoever is done makes room for the next. */
class Place {
  #role
  #clients = []

  constructor(role) {
    this.#role = role
  }

  async run() {
    while (!round.signal.aborted) {
      try {
        await roles[this.#role](this)
        counts[this.#role]++
      } catch {
        // Turned away, cut off, or the round is over.
      }
      this.clear()
      await pause(10, 100).catch(() => {})
    }
  }

  /** Cuts the sockets that are left. */
  clear() {
    for (const client of this.#clients.splice(0)) client.cut()
  }

  async open(dialect, room) {
    round.signal.throwIfAborted()
    const line = { port, dialect: dialects[dialect], stampOffset: stampOffset(dialect), onMessage() {} }
    const client = new Client(line, room, randomInt(FIRST_MEMBER, 100_000))
    this.#clients.push(client)
    await client.ready
    return client
  }

  /** A socket on which nobody speaks WebSocket. */
  openRaw(bytes) {
    round.signal.throwIfAborted()
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('error', () => {}).resume()
    this.#clients.push({ cut: () => socket.resetAndDestroy() })
  }
}

/** A message as the dialect has it; the conversation's stamp is left out, so that nobody counts it. */
function message(dialect, room, bytes) {
  const text = Buffer.from(dialects[dialect].message(room, bytes).replace('~', '-'))
  return encodeFrame(dialects[dialect].binary ? Opcode.binary : Opcode.text, text).frame
}

/** Joins a room, listens or speaks for a while, and goes. */
async function visit(place, go) {
  const dialect = pick(DIALECTS)
  const listens = randomInt(3) === 0
  const room = listens ? randomInt(ROOMS) : SOCIAL + randomInt(SOCIAL_ROOMS)
  const client = await place.open(dialect, room)
  for (let said = randomInt(10); said > 0; said--) {
    if (!listens) client.send(message(dialect, room, randomInt(100, 2000)))
    await pause(20, 300)
  }
  await go(client)
}

const GET = 'GET /raw/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
const HANDSHAKE = `${GET}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`

/** What breaks the rules of a dialect, of JSON, of UTF-8 or of RFC 6455. */
const rubbish = [
  () => textFrame('no JSON'),
  () => textFrame('{"type":17}'),
  () => textFrame('{"type":"connected","userCount":1000}'),
  () => textFrame('['.repeat(5000)),
  () => textFrame('null'),
  () => encodeFrame(Opcode.text, Buffer.from([0xc3, 0x28])).frame,
  () => encodeFrame(Opcode.text, Buffer.alloc(300 * 1024, 'x')).frame,
  () => encodeFrame(Opcode.close, Buffer.from([0x03])).frame,
  () => Buffer.from([0x81, 0x02, 0x68, 0x69]),
  () => Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
  () => Buffer.from([0x82, 0xff, 0, 0, 0, 4, 0, 0, 0, 0, 1, 2, 3, 4]),
  () => Buffer.concat(Array.from({ length: 2000 }, (_, i) => Buffer.from([i === 0 ? 0x01 : 0, 0x80, 0, 0, 0, 0]))),
  () => randomBytes(randomInt(1, 2000)),
]

const roles = {
  visit: (place) =>
    visit(place, async (client) => {
      client.leave()
      await pause(20, 100)
    }),

  /** In the middle of a frame. */
  vanish: (place) => visit(place, (client) => client.send(Buffer.from([0x82, 0xfe, 0x10, 0x00, 1, 2, 3, 4, 5]))),

  /** Stops reading where much is said. */
  async stall(place) {
    const client = await place.open('opaque', BUSY)
    client.stall()
    await pause(5000, 15_000)
  },

  /** Stops reading, and answering pings, where nothing is said. */
  async sleep(place) {
    const client = await place.open(pick(DIALECTS), QUIET)
    client.stall()
    await pause(5000, 8000)
  },

  /** Sends as much as it can, until it is closed or has had enough. */
  async flood(place) {
    const dialect = pick(['impossible-writer', 'opaque'])
    const client = await place.open(dialect, BUSY)
    const frame = message(dialect, BUSY, 4096)
    for (let beat = 0; beat < 80 && !client.closed; beat++) {
      for (let i = 0; i < 200 && client.unsent < MAX_UNSENT; i++) client.send(frame)
      await pause(80, 120)
    }
  },

  async babble(place) {
    const client = await place.open(pick(DIALECTS), SOCIAL + randomInt(SOCIAL_ROOMS))
    for (let said = 0; said < 5 && !client.closed; said++) {
      client.send(pick(rubbish)())
      await pause(20, 200)
    }
  },

  /** Does not come to the point: half a handshake, no room. */
  async dawdle(place) {
    if (randomInt(2) === 0) place.openRaw(GET)
    else place.openRaw(HANDSHAKE.replace('/raw/x', '/'))
    await pause(3000, 6000)
  },

  /** Asks for pages, or for what is none. */
  async ask(place) {
    const path = pick(['health', 'stats', '', 'nowhere'])
    await (await fetch(`http://127.0.0.1:${port}/${path}`, { signal: round.signal })).text()
    place.openRaw(pick(['GET / HTTP/1.1\r\n\r\n', 'HELO example.org\r\n', `${GET}Sec-WebSocket-Version: 8\r\n\r\n`]))
    await pause(100, 1000)
  },
}

let crowd = []
let over = []

process.on('message', async ({ start, stop }) => {
  if (start) {
    port = start
    round = new AbortController()
    setMaxListeners(0, round.signal)
    crowd = Object.entries(CROWD).flatMap(([role, places]) => Array.from({ length: places }, () => new Place(role)))
    over = crowd.map((place) => place.run())
  }
  if (stop) {
    round.abort()
    for (const place of crowd) place.clear()
    await Promise.all(over)
    process.send({ counts })
  }
})
process.on('disconnect', () => process.exit())
