import type { Wire } from './wire-log.js'

/** `waiting`: it comes back by itself. `closed`: it does not. */
export type State = 'connecting' | 'open' | 'waiting' | 'closed'

/** What a connection calls. */
interface Handler {
  opened(): void
  received(data: string): void
  /** The state is another one; `text` says so to the visitor. */
  changed(state: State, text: string): void
}

/** The longest pause between two attempts, in milliseconds. */
const MAX_PAUSE = 30_000

/** After this time open, a connection counts as a success: the pauses begin anew. In milliseconds. */
const LASTING = 10_000

/** Codes that say the fault is the client's: another attempt would change nothing. */
const FINAL: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009, 1010])

/** What a code without a reason means. */
const MEANINGS: Readonly<Record<number, string>> = {
  1000: 'closed',
  1001: 'the relay is going away',
  1006: 'the connection broke, or the relay cannot be reached',
}

/** What a refusal means for the visitor. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/token/i, 'This relay wants a token, and this page has none.'],
  [/origin/i, 'This relay takes no connections from pages at this address.'],
  [/not allowed/i, 'This relay has rules about who may connect, and they keep this page out.'],
]

/** A WebSocket that reconnects by itself, after pauses that grow and are partly random. */
export class Connection {
  readonly #url: string
  readonly #wire: Wire
  readonly #handler: Handler
  #socket: WebSocket | undefined
  #attempts = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #leaving = false

  /** @param wire Is given all that goes over it. */
  constructor(url: string, wire: Wire, handler: Handler) {
    this.#url = url
    this.#wire = wire
    this.#handler = handler
    addEventListener('online', () => {
      if (this.#timer !== undefined) this.connect()
    })
  }

  connect(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#leaving = false
    this.#handler.changed('connecting', 'Connecting')
    const socket = new WebSocket(this.#url)
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    let opened = Number.POSITIVE_INFINITY
    socket.onopen = () => {
      opened = Date.now()
      this.#wire.note('opened', this.#url)
      this.#handler.changed('open', 'Connected')
      this.#handler.opened()
    }
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      const text = typeof data === 'string' ? data : `${data.byteLength} bytes of binary data`
      this.#wire.frame('received', text)
      this.#handler.received(text)
    }
    socket.onclose = ({ code, reason }) => {
      if (Date.now() - opened > LASTING) this.#attempts = 0
      const why = `${reason || MEANINGS[code] || 'no reason given'} (${code})`
      this.#wire.note('closed', why)
      if (this.#leaving) this.#handler.changed('closed', 'Disconnected')
      else if (FINAL.has(code)) this.#giveUp(reason, why)
      else this.#wait(why)
    }
  }

  disconnect(): void {
    this.#leaving = true
    this.#socket?.close(1000)
  }

  send(message: object): void {
    const data = JSON.stringify(message)
    this.#socket?.send(data)
    this.#wire.frame('sent', data)
  }

  #giveUp(reason: string, why: string): void {
    const [, hint] = HINTS.find(([pattern]) => pattern.test(reason)) ?? []
    this.#handler.changed('closed', `Closed: ${why}${hint === undefined ? '' : `. ${hint}`}`)
  }

  #wait(why: string): void {
    const pause = Math.min(MAX_PAUSE, 1000 * 2 ** this.#attempts++) * (0.5 + Math.random() / 2)
    this.#timer = setTimeout(() => this.connect(), pause)
    this.#handler.changed('waiting', `Reconnecting in ${Math.ceil(pause / 1000)} s: ${why}`)
  }
}
