import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Origins } from '../auth/origins.js'
import { closes } from '../core/close-reasons.js'
import type { RelayContext } from '../core/context.js'
import { Deadlines } from '../core/deadlines.js'
import { Session } from '../core/session.js'
import type { Dialects } from '../dialects/dialects.js'
import { isGun } from '../dialects/opaque.js'
import type { AddressLimits } from '../http/address-limits.js'
import { pathOf, targetOf } from '../http/request.js'
import { RequestHello } from '../http/request-hello.js'
import { type TextResponse, textResponse } from '../http/response.js'
import { hangUpWith } from '../http/response-writer.js'
import type { OwnedSocket } from '../http/sockets.js'
import type { Settings } from '../options/index.js'
import type { ClosingConnection } from './closing.js'
import { Connection, type ConnectionContext } from './connection.js'
import { createId } from './connection-id.js'
import { accept, closeAtOnce, refusalOf } from './handshake.js'
import { Heartbeat } from './heartbeat.js'
import type { Reader } from './reader.js'
import { RefusalDelays } from './refusal-delays.js'
import { SendBudget } from './send-budget.js'
import { UnfinishedMessages } from './unfinished-messages.js'

/** The least time between two groups of connections that are closed, in milliseconds. */
const DRAIN_STEP = 100

/** How long connections may take to close before their sockets are cut, in milliseconds. */
const DRAIN_GRACE = 10_000

/** All open WebSockets: accepts them, and closes them when the relay stops. */
export class Connections implements ConnectionContext {
  readonly maxMessageBytes: number
  readonly maxBufferedBytes: number
  readonly budget: SendBudget
  readonly closeTimeouts = new Deadlines<ClosingConnection>((connection) => connection.terminate())
  readonly pauses = new Deadlines<Reader>((reader) => reader.resume())
  readonly unfinished: UnfinishedMessages
  readonly refusals: RefusalDelays

  readonly #context: RelayContext
  readonly #dialects: Dialects
  readonly #addressLimits: AddressLimits
  readonly #max: number
  /** Undefined if all are allowed. */
  readonly #origins: Origins | undefined
  readonly #requireOrigin: boolean
  readonly #heartbeat: Heartbeat
  readonly #open = new Set<Connection>()
  #draining = false
  #emptied: (() => void) | undefined

  constructor(context: RelayContext, dialects: Dialects, addressLimits: AddressLimits, settings: Settings) {
    this.#context = context
    this.#dialects = dialects
    this.#addressLimits = addressLimits
    this.#max = settings.maxConnections
    this.#origins = settings.allowedOrigins.length > 0 ? new Origins(settings.allowedOrigins) : undefined
    this.#requireOrigin = settings.requireOrigin
    this.maxMessageBytes = settings.maxMessageBytes
    this.maxBufferedBytes = settings.maxBufferedBytes
    this.budget = new SendBudget(settings.maxTotalBufferedBytes)
    this.unfinished = new UnfinishedMessages(settings.maxTotalBufferedBytes)
    this.refusals = new RefusalDelays(settings.refusalDelay)
    this.#heartbeat = new Heartbeat(settings.heartbeatInterval)
  }

  /** Whether new connections are refused because the relay is stopping. */
  get draining(): boolean {
    return this.#draining
  }

  /**
   * Makes a WebSocket of an upgrade request, or refuses it with HTTP.
   *
   * @returns Whether it is a WebSocket now, which {@link Connections.drain} closes.
   */
  upgrade(request: IncomingMessage, socket: OwnedSocket, head: Buffer, path?: string): boolean {
    const refusal = this.#refusalOf(request)
    if (refusal) {
      this.#refuse(request, socket, refusal, path)
      return false
    }
    accept(request, socket)
    if (head.length > 0) socket.unshift(head)
    const hello = new RequestHello(request, path, this.#context.authorizes)
    const connection = new Connection(
      this,
      socket,
      (transport) => new Session(this.#context, transport, createId(), hello),
    )
    this.#open.add(connection)
    this.#heartbeat.watch(connection)
    connection.session.open((session) => this.#dialects.converse(session, hello), this.#rejectsOrigin(request))
    return true
  }

  /** Whether the connection comes from a page that may not talk to the relay. */
  #rejectsOrigin({ headers: { origin } }: IncomingMessage): boolean {
    if (!this.#origins) return false
    return origin === undefined ? this.#requireOrigin : !this.#origins.allow(origin)
  }

  addressOf(socket: Socket): string {
    return this.#addressLimits.addressOf(socket)
  }

  onClose(connection: Connection): void {
    this.#open.delete(connection)
    this.#heartbeat.unwatch(connection)
    if (this.#open.size === 0) this.#emptied?.()
  }

  /**
   * Ends a connection, for an operator or the program.
   *
   * @param id That of its session.
   * @returns Whether there was one.
   */
  disconnect(id: string): boolean {
    for (const { session } of this.#open) {
      if (session.id !== id || session.ended) continue
      session.close(closes.disconnected)
      return true
    }
    return false
  }

  /**
   * Refuses new connections, tells all members, and closes all connections in small groups over `period`
   * milliseconds, so that their clients do not connect again all at once. Resolves when all are closed.
   */
  async drain(period: number): Promise<void> {
    this.#draining = true
    this.refusals.stop()
    for (const room of this.#context.rooms) {
      const notice = room.kind.shutdown?.()
      if (notice) room.deliver(notice)
    }
    const waiting = [...this.#open]
    const steps = Math.max(1, Math.min(waiting.length, Math.floor(period / DRAIN_STEP)))
    const group = Math.ceil(waiting.length / steps)
    while (waiting.length > 0) {
      for (const { session } of waiting.splice(0, group)) session.close(closes.shutdown)
      if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, period / steps))
    }
    await this.#gone()
    this.#heartbeat.stop()
    this.closeTimeouts.clear()
    this.pauses.clear()
    this.unfinished.stop()
    this.budget.stop()
  }

  #refuse(
    request: IncomingMessage,
    socket: OwnedSocket,
    refusal: TextResponse,
    path = pathOf(targetOf(request)),
  ): void {
    this.#context.observer.handshakeFailed(refusal.status, refusal.body)
    // GUN connects again 2 s after a close, but never after HTTP has refused an attempt.
    const later = refusal.status === 429 || refusal.status === 503
    if (later && isGun(path) && !refusalOf(request)) {
      closeAtOnce(request, socket, this.#draining ? closes.shutdown : closes.tooManyConnections)
    } else hangUpWith(socket, refusal)
  }

  /** Why a handshake is refused with HTTP, if it is. */
  #refusalOf(request: IncomingMessage): TextResponse | undefined {
    const { observer } = this.#context
    if (this.#draining) return textResponse(503, 'Shutting down', { 'Retry-After': '1' })
    const refusal = this.#addressLimits.admit(request)
    if (refusal) return refusal
    const bad = refusalOf(request)
    if (bad) {
      observer.limited(bad.status === 431 ? 'headers' : 'bad-request', undefined, this.addressOf(request.socket))
      return bad
    }
    if (this.#max === 0 || this.#open.size < this.#max) return undefined
    observer.limited('connections')
    return textResponse(503, 'Too many connections', { 'Retry-After': '10' })
  }

  /** Waits until all connections are closed, and cuts those that stay open. */
  async #gone(): Promise<void> {
    if (this.#open.size === 0) return
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => {
        for (const connection of this.#open) connection.terminate()
      }, DRAIN_GRACE)
      this.#emptied = () => {
        clearTimeout(cut)
        resolve()
      }
    })
  }
}
