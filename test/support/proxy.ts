import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A TCP proxy that fails on demand, as networks do. */
export class TcpProxy {
  readonly #target: number
  readonly #pairs = new Set<[Socket, Socket]>()
  readonly #waiting = new Set<Socket>()
  #server: Server
  #port = 0
  #silent = false
  #stalled = false

  private constructor(target: number) {
    this.#target = target
    this.#server = this.#serve()
  }

  /** Starts one for one test. */
  static async start(target: { port: number }, finished = onTestFinished): Promise<TcpProxy> {
    const proxy = new TcpProxy(target.port)
    await proxy.#listen(0)
    finished(() => proxy.refuse())
    return proxy
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`
  }

  /** From now on nothing moves, in both directions, and nobody is told; connections are still accepted. */
  hole(): void {
    this.#silent = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  /** What comes for the client is not passed on any more; the other direction is open. */
  stall(): void {
    this.#stalled = true
    for (const [, server] of this.#pairs) server.pause()
  }

  /** All moves again: what has piled up is passed on, late. */
  heal(): void {
    this.#silent = this.#stalled = false
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
    for (const client of this.#waiting) this.#join(client.resume())
    this.#waiting.clear()
  }

  /** Breaks the connections that are open. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    for (const client of this.#waiting) client.destroy()
    this.#waiting.clear()
  }

  /** Breaks them, and lets no new one be made. */
  async refuse(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.cut()
    await once(this.#server, 'close')
  }

  /** Lets connections be made again. */
  async accept(): Promise<void> {
    this.#server = this.#serve()
    await this.#listen(this.#port)
  }

  #serve(): Server {
    return createServer((client) => {
      client.on('error', () => {})
      client.once('close', () => this.#waiting.delete(client))
      if (this.#silent) this.#waiting.add(client.pause())
      else this.#join(client)
    })
  }

  async #listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  #join(client: Socket): void {
    const server = connect({ port: this.#target, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    const pair: [Socket, Socket] = [client, server]
    this.#pairs.add(pair)
    for (const [from, to] of [pair, [server, client] as const]) {
      from.on('error', () => {})
      from.on('data', (chunk) => {
        if (to.write(chunk)) return
        from.pause()
        to.once('drain', () => {
          if (!this.#silent && !(this.#stalled && from === server)) from.resume()
        })
      })
      from.once('close', () => {
        this.#pairs.delete(pair)
        to.destroySoon()
      })
    }
  }
}
