import { once } from 'node:events'
import { expect } from 'vitest'
import { WebSocket } from 'ws'

/** A join or leave of somebody that a witness was told of. */
interface Notice {
  joined: boolean
  id: string
  /** By the clock of `performance`. */
  at: number
}

/** A message that a witness heard. */
interface Heard {
  from: string
  n: number
  /** When it was sent and heard, by the clock of `performance`. */
  sent: number
  at: number
}

/**
 * A client of `pluresdb` with a number for each message that it sends, and an eye on what it is told:
 * joins and leaves of each in turn, messages of those alone who are in, in order, none twice.
 */
export class Witness {
  readonly id: string
  readonly topic: string
  /** Who is in, as far as it was told. */
  readonly view = new Set<string>()
  readonly notices: Notice[] = []
  readonly heard: Heard[] = []
  /** What was wrong. */
  readonly faults: string[] = []
  /** The codes with which its connections were closed, and when. */
  readonly closes: { code: number; at: number }[] = []
  #socket: WebSocket | undefined
  #sent = 0
  readonly #last = new Map<string, number>()
  readonly #wake: (() => void)[] = []

  private constructor(id: string, topic: string) {
    this.id = id
    this.topic = topic
  }

  /** Joins a topic, and waits until that is done. */
  static async join(node: { url: string }, topic: string, id: string): Promise<Witness> {
    const witness = new Witness(id, topic)
    await witness.comeBack(node)
    return witness
  }

  /** Whether it is connected. */
  get present(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Joins again, anew. */
  async comeBack({ url }: { url: string }): Promise<void> {
    const socket = new WebSocket(`${url}/pluresdb`)
    this.#socket = socket
    this.view.clear()
    let done = false
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Record<string, unknown>
      if (message['type'] === 'error') done = true
      else this.#see(message)
      this.#happened()
    })
    socket.on('error', () => {})
    socket.on('close', (code) => {
      this.closes.push({ code, at: performance.now() })
      this.#happened()
    })
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'join', topic: this.topic, peerId: this.id }))
    // Answered when the join is done.
    socket.send(JSON.stringify({ type: 'done?' }))
    await this.until(() => done || socket.readyState === WebSocket.CLOSED)
  }

  /** Says the next number. */
  say(): number {
    if (!this.present) return this.#sent
    this.#socket?.send(JSON.stringify({ type: 'data', data: { n: ++this.#sent, sent: performance.now() } }))
    return this.#sent
  }

  leave(): void {
    this.#socket?.close()
  }

  drop(): void {
    this.#socket?.terminate()
  }

  /** Waits until something that it saw makes it true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }

  /** Waits for the end of its connection. */
  async closed(times = 1): Promise<{ code: number; at: number }> {
    await this.until(() => this.closes.length >= times)
    return this.closes[times - 1] as { code: number; at: number }
  }

  /** What it was told of somebody: `+` for a join, `-` for a leave. */
  told(id: string): string {
    return this.notices
      .filter((notice) => notice.id === id)
      .map(({ joined }) => (joined ? '+' : '-'))
      .join('')
  }

  /** Waits for the leave of somebody, and tells when it was. */
  async sawLeave(id: string): Promise<number> {
    const leave = (): Notice | undefined => this.notices.find((notice) => notice.id === id && !notice.joined)
    await this.until(() => leave() !== undefined)
    return leave()?.at ?? 0
  }

  /** The numbers that it heard of somebody. */
  numbers(from: string): number[] {
    return this.heard.filter((message) => message.from === from).map(({ n }) => n)
  }

  /** Waits until it has heard somebody say a number, or a later one. */
  async hears(from: { id: string }, number: number): Promise<void> {
    await this.until(() => (this.#last.get(from.id) ?? 0) >= number)
  }

  #happened(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  #see({ type, peerId, data }: Record<string, unknown>): void {
    const from = String(peerId)
    if (type === 'data') this.#hear(from, data as { n: number; sent: number })
    else this.#notice(from, type === 'peer-joined')
  }

  #notice(id: string, joined: boolean): void {
    this.notices.push({ joined, id, at: performance.now() })
    if (joined === this.view.has(id)) this.faults.push(`${this.id}: ${id} ${joined ? 'joined' : 'left'} twice`)
    if (joined) this.view.add(id)
    else this.view.delete(id)
  }

  #hear(from: string, { n, sent }: { n: number; sent: number }): void {
    const last = this.#last.get(from) ?? 0
    if (!this.view.has(from)) this.faults.push(`${this.id}: message of ${from}, who is not in`)
    if (n <= last) this.faults.push(`${this.id}: message ${n} of ${from} after ${last}`)
    this.#last.set(from, n)
    this.heard.push({ from, n, sent, at: performance.now() })
  }
}

/** Has all who are present say something, again and again, until it is stopped. */
export function talk(witnesses: readonly Witness[], every = 100): () => void {
  const timer = setInterval(() => {
    for (const witness of witnesses) if (witness.present) witness.say()
  }, every)
  return () => clearInterval(timer)
}

/** Waits until all who are present see each other, and nobody else, and hear each other; nothing was wrong. */
export async function agree(witnesses: readonly Witness[]): Promise<void> {
  const present = witnesses.filter((witness) => witness.present)
  for (const witness of present) {
    const others = present.filter((other) => other !== witness).map(({ id }) => id)
    await witness.until(() => [...witness.view].sort().join() === others.sort().join())
  }
  for (const speaker of present) {
    const number = speaker.say()
    for (const listener of present) if (listener !== speaker) await listener.hears(speaker, number)
  }
  expect(witnesses.flatMap(({ faults }) => faults)).toEqual([])
}
