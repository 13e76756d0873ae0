import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import type { Client, Seen } from '../support/client.js'
import { Random } from '../support/random.js'
import { frame, Op, openSockets, until, upgradeRequest } from '../support/raw.js'
import { startRelay, type TestRelay } from '../support/relay.js'

/** How many are sent. Those behind a broken one are not read, so that well over 100,000 are. */
const FRAMES = 140_000
const REQUESTS = 10_000

/** Connections at once. */
const LANES = 40
const MAX_MESSAGE_BYTES = 64 * 1024

const seed = Number(process.env['FUZZ_SEED'] ?? randomBytes(4).readUInt32BE())

type Some<T> = readonly [T, ...T[]]

const TARGETS: Some<string> = [
  '/',
  '/pluresdb',
  '/y-webrtc',
  '/room/fuzz',
  '/room/x',
  '/?room=fuzz',
  '/raw/fuzz',
  '/gun',
]

const TYPES = 'join data subscribe unsubscribe publish ping content connected user-joined user-left error history'

const STRINGS: Some<string> = [
  ...(['"fuzz"', '"type"', '"topic"', '"data"', '"connectionId"', '"timestamp"', '"clients"', '"peerId"'] as const),
  ...['"__proto__"', '"constructor"', '"toString"', '"\\ud800"', '"\\u0000"', '"\u2028"', '"🦜"', '"}"', '""', '"\\""'],
]

const SCALARS: Some<string> = ['null', 'true', 'false', '0', '-0', '-1', '1e400', '0.1', '12345678901234567890']

/** JSON as text, so that it can hold what no program would write. */
function json(random: Random, depth = 0): string {
  const few = <T>(item: () => T): T[] => Array.from({ length: random.below(4) }, item)
  const kind = random.below(depth > 3 ? 8 : 10)
  if (kind === 8) return `[${few(() => json(random, depth + 1)).join()}]`
  if (kind === 9) return `{${few(() => `${random.pick(STRINGS)}:${json(random, depth + 1)}`).join()}}`
  if (kind === 7 && random.chance(0.1)) return `"${'long '.repeat(random.below(200))}"`
  return random.pick(kind > 4 ? STRINGS : SCALARS)
}

/** A message that means something in one dialect or another. */
function message(random: Random): string {
  if (random.chance(0.05)) return json(random)
  const or = (usual: string): string => (random.chance(0.9) ? usual : json(random))
  const fields = [
    `"type":${or(JSON.stringify(random.pick(TYPES.split(' ') as [string])))}`,
    `"topic":${or('"fuzz"')}`,
    `"topics":${or(`[${Array.from({ length: random.below(10) }, () => or(`"${random.below(30)}"`)).join()}]`)}`,
    `"peerId":${or(`"${random.below(30)}"`)}`,
    `"data":${or(random.chance(0.01) ? '['.repeat(30_000) + ']'.repeat(30_000) : json(random))}`,
    `${random.pick(STRINGS)}:${json(random)}`,
  ]
  const text = `{${fields.filter(() => random.chance(0.9)).join()}}`
  if (random.chance(0.95)) return text
  const at = random.below(text.length)
  return text.slice(0, at) + random.pick(['', '\0', '}', '{', '"', ' ', '\u00a0']) + text.slice(at + random.below(3))
}

/** One message in a frame, or in several. */
function goodFrames(random: Random): Buffer[] {
  const mask = random.chance(0.05) ? Buffer.alloc(4) : random.bytes(4)
  if (random.chance(0.05)) return [frame(random.pick([Op.ping, Op.pong]), random.bytes(random.below(126)), { mask })]
  const noise = random.chance(0.1)
  const payload = noise ? random.bytes(random.below(300)) : Buffer.from(message(random))
  const opcode = noise || random.chance(0.2) ? Op.binary : Op.text
  if (random.chance(0.95)) return [frame(opcode, payload, { mask })]
  const middle = random.below(payload.length + 1)
  return [
    frame(opcode, payload.subarray(0, middle), { mask, fin: false }),
    frame(Op.ping, 'amid', { mask }),
    frame(Op.continuation, '', { mask, fin: false }),
    frame(Op.continuation, payload.subarray(middle), { mask }),
  ]
}

/** A frame that is likely to end its connection. */
function badFrame(random: Random): Buffer {
  const payload = random.bytes(random.below(40))
  const opcode = random.below(16)
  const whole = frame(opcode, payload)
  switch (random.below(7)) {
    case 0:
      return frame(opcode, payload, { rsv: random.below(8) })
    case 1:
      return frame(opcode, payload, { mask: 'none' })
    case 2:
      return frame(opcode, payload, { fin: false })
    case 3:
      return frame(opcode, payload, { length: random.bytes(8).readBigUInt64BE() >> BigInt(random.below(64)) })
    case 4:
      return whole.subarray(0, random.below(whole.length))
    case 5:
      return frame(Op.binary, Buffer.alloc(MAX_MESSAGE_BYTES + random.below(2)))
    default:
      whole[random.below(whole.length)] = random.below(256)
      return whole
  }
}

/** What one connection sends. */
function framesOf(random: Random): Buffer[] {
  return Array.from({ length: 1 + random.below(150) }, () =>
    random.chance(0.005) ? badFrame(random) : goodFrames(random),
  ).flat()
}

const HEADERS: Record<string, Some<string>> = {
  Host: ['x', 'x', 'x', ''],
  Connection: ['Upgrade', 'Upgrade', 'keep-alive, Upgrade', 'keep-alive', 'close', 'close, upgrade', ''],
  Upgrade: ['websocket', 'WebSocket', 'h2c', 'TLS/1.0', 'websocket, h2c', ''],
  'Sec-WebSocket-Version': ['13', '13', '13', '8', '13, 13', ''],
  'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ==', 'x', ''],
  'Sec-WebSocket-Protocol': ['a', 'a, b', ',', 'a b', ''],
  'Content-Length': ['0', '5', '4000', '-1', '5, 5', '99999999999999999999'],
  'Transfer-Encoding': ['chunked', 'gzip', 'chunked, chunked', 'identity'],
  Expect: ['100-continue', 'x'],
  Cookie: ['a=b', 'c'.repeat(5000), '\t', '\0', '\u00e9'],
}

const METHODS: Some<string> = ['GET', 'GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'POST', 'CONNECT', 'PRI', 'get', '']

const ODD_TARGETS: Some<string> = ['/', '/health', '/stats', '*', 'http://x/room/a', 'x', '//', '/?room=%', '/\u00e9']

/** A request that may be good, or broken in many ways at once. */
function request(random: Random): Buffer {
  const target = random.pick(random.chance(0.5) ? TARGETS : ODD_TARGETS)
  const version = random.pick(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', ''])
  const headers = Object.entries(HEADERS).flatMap(([name, values], i) =>
    random.chance(i < 5 ? 0.85 : 0.15) ? [`${name}: ${random.pick(values)}\r\n`] : [],
  )
  const head = `${random.pick(METHODS)} ${target} ${version}\r\n${headers.join('')}\r\n`
  const body = random.chance(0.8) ? '' : random.pick(['hello', '5\r\nhello\r\n0\r\n\r\n', 'x'.repeat(4000), '\r\n'])
  const bytes = Buffer.from(head + body, random.chance(0.5) ? 'latin1' : 'utf8')
  if (random.chance(0.1)) bytes[random.below(bytes.length)] = random.below(256)
  return bytes
}

/** What one connection sends before it is a WebSocket, if it ever becomes one: several requests at once. */
function requestsOf(random: Random): Buffer[] {
  return Array.from({ length: 1 + random.below(5) }, () => request(random))
}

/** Connects, sends bytes cut anywhere, ends in one way or another, and waits until the socket is gone. */
async function attack(port: number, random: Random, pieces: Buffer[]): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const gone = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {}).resume()
  const bytes = Buffer.concat(pieces)
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(8192)
    await new Promise((resolve) => socket.write(bytes.subarray(at, end), resolve))
    at = end
  }
  if (random.chance(0.05)) socket.resetAndDestroy()
  else socket.end(random.chance(0.5) ? frame(Op.close) : Buffer.alloc(0))
  await gone
}

/** Checks what a bystander hears from the relay and from strangers. */
interface Watch {
  hear(message: Record<string, unknown>): void
  /** How many others it takes to be in the room. */
  others(): number
}

/** Every count follows from the last. */
function watchCounts(): Watch {
  let count = 0
  return {
    hear({ type, userCount, connectionId, timestamp }) {
      if (type === 'connected') count = Number(userCount)
      else if (type === 'user-joined') expect(userCount).toBe(++count)
      else if (type === 'user-left') expect(userCount).toBe(--count)
      else expect(timestamp).toBeTypeOf('number')
      expect(connectionId).toMatch(/^[0-9a-f]{16}$/)
    },
    others: () => count - 1,
  }
}

/** Every peer joins before it speaks, and leaves once. */
function watchPeers(): Watch {
  const peers = new Set<unknown>()
  return {
    hear({ type, peerId }) {
      expect({ type, known: peers.has(peerId) }).toEqual({ type, known: type !== 'peer-joined' })
      if (type === 'peer-joined') peers.add(peerId)
      else if (type === 'peer-left') peers.delete(peerId)
      else expect(type).toBe('data')
    },
    others: () => peers.size,
  }
}

/** Every publication carries the number of subscribers. */
function watchClients(): Watch {
  return {
    hear({ type, topic, clients }) {
      expect({ type, topic, two: Number(clients) > 1 }).toEqual({ type: 'publish', topic: 'fuzz', two: true })
    },
    others: () => 1,
  }
}

interface Tongue {
  path: string
  join?: object
  say(said: string): object
  watch?(): Watch
}

/** How two talk in each dialect, in the room that is attacked. */
const tongues: Tongue[] = [
  { path: '/room/fuzz', say: (said) => ({ type: 'content', said }), watch: watchCounts },
  {
    path: '/',
    join: { type: 'join', topic: 'fuzz' },
    say: (data) => ({ type: 'data', data }),
    watch: watchPeers,
  },
  {
    path: '/',
    join: { type: 'subscribe', topics: ['fuzz'] },
    say: (said) => ({ type: 'publish', topic: 'fuzz', said }),
    watch: watchClients,
  },
  { path: '/raw/fuzz', say: (said) => ({ said }) },
]

/** Tells what a bystander says from what a stranger says. */
const MARK = randomBytes(8).toString('hex')
const SAID = new RegExp(`${MARK} (\\w+) (\\d+)`)

/** One of two that talk to each other. */
class Bystander {
  readonly #client: Client
  readonly #name: string
  readonly #tongue: Tongue
  readonly #watch: Watch | undefined
  #said = 0
  #heard = 0

  private constructor(client: Client, name: string, tongue: Tongue) {
    this.#client = client
    this.#name = name
    this.#tongue = tongue
    this.#watch = tongue.watch?.()
  }

  /** Enters the room. */
  static async enter(relay: TestRelay, name: string, tongue: Tongue): Promise<Bystander> {
    const client = await relay.open(tongue.path)
    if (tongue.join) client.send(tongue.join)
    const bystander = new Bystander(client, name, tongue)
    for (const seen of await client.settled()) bystander.#hear(textOf(seen))
    return bystander
  }

  /** How many others it takes to be in the room. */
  get others(): number {
    return this.#watch?.others() ?? 1
  }

  say(): void {
    this.#client.send(this.#tongue.say(`${MARK} ${this.#name} ${this.#said++}`))
  }

  /** Waits for the next that the other one says, which has to be the next in order. */
  async hear(): Promise<void> {
    const heard = this.#heard
    while (this.#heard === heard) this.#hear(textOf(await this.#client.next()))
  }

  async leave(): Promise<void> {
    await this.#client.leave()
  }

  #hear(text: string): void {
    const [, name, number] = SAID.exec(text) ?? []
    if (name === undefined) this.#watch?.hear(JSON.parse(text) as Record<string, unknown>)
    else if (name !== this.#name) expect(Number(number)).toBe(this.#heard++)
  }
}

function textOf(seen: Seen): string {
  if ('code' in seen) throw new Error(`a bystander was closed: ${seen.code} ${seen.reason}`)
  return 'text' in seen ? seen.text : seen.binary.toString('latin1')
}

const BURST = 5

async function talk(pair: Bystander[]): Promise<void> {
  for (let i = 0; i < BURST; i++) for (const one of pair) one.say()
  for (let i = 0; i < BURST; i++) for (const one of pair) await one.hear()
}

/**
 * Attacks a relay from many connections at once while two talk in each dialect, and checks that those
 * lose nothing and that nothing is left in the end.
 *
 * @param next What the next connection sends; undefined when it is enough.
 */
async function attackRelay(next: (random: Random) => Buffer[] | undefined): Promise<void> {
  const test = await startRelay({ throttle: 0, rateLimit: 0, maxTopics: 20, maxMessageBytes: MAX_MESSAGE_BYTES })
  const { relay, port } = test
  const pairs: Bystander[][] = []
  for (const tongue of tongues) {
    pairs.push([await Bystander.enter(test, 'ann', tongue), await Bystander.enter(test, 'ben', tongue)])
  }
  let attacked = true

  const lane = async (random: Random): Promise<void> => {
    for (let pieces = next(random); pieces; pieces = next(random)) await attack(port, random, pieces)
  }
  const attackAll = async (): Promise<void> => {
    await Promise.all(Array.from({ length: LANES }, (_, i) => lane(new Random(seed + i))))
    await until(() => relay.stats().currentConnections === pairs.flat().length)
    attacked = false
  }
  const converse = async (pair: Bystander[]): Promise<void> => {
    while (attacked) await talk(pair)
    await talk(pair)
    for (const { others } of pair) expect(others).toBe(1)
  }
  await Promise.all([attackAll(), ...pairs.map(converse)])

  expect(relay.stats().currentRooms).toBe(tongues.length)
  await Promise.all(pairs.flat().map((one) => one.leave()))
  expect(relay.stats()).toMatchObject({ currentConnections: 0, currentRooms: 0, topics: 0, peers: 0 })
  await until(() => openSockets() === 0)
}

it(`${FRAMES} random frames cost nobody else a message and leave nothing behind (FUZZ_SEED=${seed})`, async () => {
  let sent = 0
  await attackRelay((random) => {
    if (sent >= FRAMES) return undefined
    const frames = framesOf(random)
    sent += frames.length
    return [Buffer.from(upgradeRequest(random.pick(TARGETS))), ...frames]
  })
}, 60_000)

it(`${REQUESTS} random requests do neither (FUZZ_SEED=${seed})`, async () => {
  let sent = 0
  await attackRelay((random) => {
    if (sent >= REQUESTS) return undefined
    const requests = requestsOf(random)
    sent += requests.length
    return requests
  })
}, 60_000)
