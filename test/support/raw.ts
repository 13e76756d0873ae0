import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import type { TestRelay } from './relay.js'

/** Opcodes, RFC 6455 section 11.8. */
export const Op = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** How a client frame differs from a good one. */
export interface Oddities {
  fin?: boolean
  /** The three reserved bits, as a number from 0 to 7. */
  rsv?: number
  mask?: Buffer | 'none'
  /** The length that the header claims; by default that of the payload. */
  length?: number | bigint
  /** Writes the length in so many bits although fewer would do. */
  bits?: 16 | 64
}

const MASK = Buffer.from('7a31f00d', 'hex')

/** A client frame, RFC 6455 section 5.2. */
export function frame(opcode: number, payload: Buffer | string = '', odd: Oddities = {}): Buffer {
  const { fin = true, rsv = 0, mask = MASK, length = Buffer.byteLength(payload), bits = 0 } = odd
  const extended = bits || (length < 126 ? 0 : length < 65_536 ? 16 : 64)
  const header = Buffer.alloc(2 + extended / 8)
  header[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  header[1] = (mask === 'none' ? 0 : 0x80) | (extended === 0 ? Number(length) : extended === 16 ? 126 : 127)
  if (extended === 16) header.writeUInt16BE(Number(length), 2)
  else if (extended === 64) header.writeBigUInt64BE(BigInt(length), 2)
  const body = Buffer.from(payload)
  if (mask === 'none') return Buffer.concat([header, body])
  return Buffer.concat([header, mask, body.map((byte, i) => byte ^ (mask[i % 4] ?? 0))])
}

/** The payload of a close frame. */
export function closing(code: number, reason: Buffer | string = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)])
}

/** An upgrade request with the key of RFC 6455 section 1.3; a header given as undefined is left out. */
export function upgradeRequest(
  target = '/raw/room',
  headers: Readonly<Record<string, string | undefined>> = {},
  { method = 'GET', version = 'HTTP/1.1' } = {},
): string {
  const all = {
    Host: 'relay.example',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]))
  return `${method} ${target} ${version}\r\n${lines.join('')}\r\n`
}

/** The head of an HTTP response. */
export interface Head {
  status: number
  /** Names in lower case. */
  headers: Record<string, string>
}

/** A frame that the relay sent. */
export interface ServerFrame {
  opcode: number
  payload: Buffer
}

/** Makes the payload of each ping its own. */
let pings = 0

/** A TCP connection that says exactly what a test wants, and reads what the relay answers. */
export class RawClient {
  readonly socket: Socket
  #bytes = Buffer.alloc(0)
  /** What came behind them; joined only when it is needed, since a message may come in hundreds of pieces. */
  #more: Buffer[] = []
  #length = 0
  /** The relay has ended its half of the socket, or the socket is gone. */
  #over = false
  #wake: (() => void) | undefined

  private constructor(port: number, localAddress: string | undefined) {
    const from = localAddress !== undefined && { localAddress }
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true, ...from })
    this.socket.on('data', (chunk) => {
      this.#more.push(chunk)
      this.#length += chunk.length
      this.#wake?.()
    })
    const over = (): void => {
      this.#over = true
      this.#wake?.()
    }
    this.socket.on('end', over).on('close', over).on('error', over)
  }

  /**
   * Connects; the socket is cut at the end of the test.
   *
   * @param from Another address of this machine, such as 127.0.0.2.
   */
  static async connect({ port }: { port: number }, from?: string): Promise<RawClient> {
    const client = new RawClient(port, from)
    onTestFinished(() => void client.socket.destroy())
    await once(client.socket, 'connect')
    return client
  }

  /** Connects and becomes a WebSocket. */
  static async open(relay: { port: number }, target?: string): Promise<RawClient> {
    const client = await RawClient.connect(relay)
    const head = await client.write(upgradeRequest(target)).head()
    expect(head).toMatchObject({ status: 101 })
    return client
  }

  /** Sends bytes as they are. */
  write(...bytes: (Buffer | string)[]): this {
    for (const piece of bytes) this.socket.write(piece)
    return this
  }

  /** Sends each piece in a segment of its own: the relay, in the same process, has read it before the next is sent. */
  async drip(pieces: Iterable<Buffer>): Promise<void> {
    for (const piece of pieces) {
      this.socket.write(piece)
      await turn()
      await turn()
    }
  }

  /** The head of the next HTTP response; undefined if the socket ends first. */
  async head(): Promise<Head | undefined> {
    const text = await this.#take(() => {
      this.#join()
      const end = this.#bytes.indexOf('\r\n\r\n')
      return end < 0 ? undefined : end + 4
    })
    if (!text) return undefined
    const [first = '', ...lines] = text.toString('latin1').trimEnd().split('\r\n')
    const headers = lines.map((line) => /^([^:]+): ?(.*)$/.exec(line) ?? [])
    return {
      status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]),
      headers: Object.fromEntries(headers.map(([, name = '', value = '']) => [name.toLowerCase(), value])),
    }
  }

  /** So many bytes, such as the body of an HTTP response. */
  async body(length: number): Promise<string | undefined> {
    return (await this.#take(() => length))?.toString()
  }

  /** The next frame, which has to be a good one: whole, unmasked, no reserved bits. Undefined if the socket ends first. */
  async frame(): Promise<ServerFrame | undefined> {
    const header = await this.#take(() => 2)
    if (!header) return undefined
    const [first = 0, second = 0] = header
    expect(first & 0xf0, 'FIN set, reserved bits clear').toBe(0x80)
    expect(second & 0x80, 'not masked').toBe(0)
    let length = second
    if (second === 126) length = (await this.#take(() => 2))?.readUInt16BE() ?? 0
    else if (second === 127) length = Number((await this.#take(() => 8))?.readBigUInt64BE())
    const payload = length === 0 ? Buffer.alloc(0) : await this.#take(() => length)
    return payload && { opcode: first & 0x0f, payload }
  }

  /** The next message, which has to be JSON in a text frame. */
  async json(): Promise<unknown> {
    const next = await this.frame()
    expect(next?.opcode).toBe(Op.text)
    return JSON.parse(next?.payload.toString() ?? '')
  }

  /** The code and reason of the next close frame, skipping what comes before it. Undefined if the socket ends without. */
  async close(): Promise<{ code: number; reason: string } | undefined> {
    for (;;) {
      const next = await this.frame()
      if (!next) return undefined
      if (next.opcode !== Op.close) continue
      if (next.payload.length === 0) return { code: 1005, reason: '' }
      return { code: next.payload.readUInt16BE(), reason: next.payload.subarray(2).toString() }
    }
  }

  /** Waits until the relay has ended its half of the socket, with nothing more sent. */
  async ended(): Promise<void> {
    await this.#take(() => Number.POSITIVE_INFINITY)
    this.#join()
    expect(this.#bytes.toString('latin1')).toBe('')
  }

  /** Waits until the socket is gone on this side too, whatever came before. */
  async gone(): Promise<void> {
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once('close', resolve))
  }

  /** Waits until the relay has read all that was sent, and answers; what it sent before is skipped. */
  async answers(): Promise<void> {
    const payload = Buffer.from(`ping ${++pings}`)
    this.write(frame(Op.ping, payload))
    for (;;) {
      const next = await this.frame()
      if (!next) throw new Error('the relay has hung up')
      if (next.opcode === Op.pong && next.payload.equals(payload)) return
    }
  }

  #join(): void {
    if (this.#more.length === 0) return
    this.#bytes = Buffer.concat([this.#bytes, ...this.#more])
    this.#more = []
  }

  /** Takes as many bytes as `measure` says, once they are there; undefined if the socket ends first. */
  async #take(measure: () => number | undefined): Promise<Buffer | undefined> {
    for (;;) {
      const length = measure()
      if (length !== undefined && this.#length >= length) {
        this.#join()
        this.#length -= length
        const taken = this.#bytes.subarray(0, length)
        this.#bytes = this.#bytes.subarray(length)
        return taken
      }
      if (this.#over) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** One turn of the event loop. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

/** Waits for what no event tells; the test's own deadline is its only one. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

/** TCP sockets that are open in this process, on both ends. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
}

const BURST = 5

/**
 * Two clients count aloud to each other from before `act` until after it, and must hear every number,
 * in order.
 */
export async function besideConversation(relay: TestRelay, act: () => Promise<void>): Promise<void> {
  const ann = await relay.open('/raw/beside')
  const ben = await relay.open('/raw/beside')
  let over = false
  let said = 0
  const say = async (): Promise<void> => {
    const burst = Array.from({ length: BURST }, () => ({ text: String(said++) }))
    for (const { text } of burst) for (const client of [ann, ben]) client.send(text)
    for (const heard of burst) for (const client of [ben, ann]) expect(await client.next()).toEqual(heard)
  }
  const talk = async (): Promise<void> => {
    while (!over) await say()
    await say()
  }
  await say()
  await Promise.all([
    talk(),
    act().finally(() => {
      over = true
    }),
  ])
}
