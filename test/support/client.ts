import { once } from 'node:events'
import type { RequestOptions } from 'node:https'
import { WebSocket } from 'ws'

/** What a client saw: a message, or the end. */
export type Seen = { text: string } | { binary: Buffer } | { code: number; reason: string }

/** The text that was seen, which has to be one. */
export function textOf(seen: Seen): string {
  if (!('text' in seen)) throw new Error(`expected a text message, saw ${JSON.stringify(seen)}`)
  return seen.text
}

/** How a client connects: a part of what Node's requests take, and the subprotocols. */
type ClientOptions = Pick<RequestOptions, 'headers' | 'ca' | 'lookup' | 'rejectUnauthorized'> & { protocols?: string[] }

/** A WebSocket client that keeps what it sees until a test asks for it, in order. */
export class Client {
  readonly socket: WebSocket
  readonly #seen: Seen[] = []
  #wake: (() => void) | undefined

  private constructor(url: string, { protocols = [], ...options }: ClientOptions) {
    this.socket = new WebSocket(url, protocols, options)
    this.socket.on('message', (data: Buffer, binary) =>
      this.#push(binary ? { binary: data } : { text: data.toString() }),
    )
    this.socket.on('close', (code, reason) => this.#push({ code, reason: reason.toString() }))
    this.socket.on('error', () => {})
  }

  /** Opens a connection, and waits until it is open. */
  static async open(url: string, options: ClientOptions = {}): Promise<Client> {
    const client = new Client(url, options)
    await once(client.socket, 'open')
    return client
  }

  /** Sends a value as JSON, or a string or bytes as they are. */
  send(message: object | string | Buffer): this {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
    return this
  }

  /** The next thing it sees. */
  async next(): Promise<Seen> {
    while (this.#seen.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#seen.shift() as Seen
  }

  /** The next message, which has to be JSON in a text frame. */
  async json(): Promise<Record<string, unknown>> {
    return JSON.parse(textOf(await this.next())) as Record<string, unknown>
  }

  /** The close, skipping what comes before it. */
  async closed(): Promise<{ code: number; reason: string }> {
    for (;;) {
      const seen = await this.next()
      if ('code' in seen) return seen
    }
  }

  /** All that has come so far, once the relay has answered a ping: nothing that it wrote before is missing. */
  async settled(): Promise<Seen[]> {
    this.socket.ping()
    await once(this.socket, 'pong')
    return this.#seen.splice(0)
  }

  /** Says goodbye, and waits for the answer. */
  async leave(code = 1000): Promise<{ code: number; reason: string }> {
    this.socket.close(code)
    return await this.closed()
  }

  /** Cuts the connection. */
  drop(): void {
    this.socket.terminate()
  }

  #push(seen: Seen): void {
    this.#seen.push(seen)
    this.#wake?.()
  }
}
