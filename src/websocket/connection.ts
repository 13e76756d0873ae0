import type { Socket } from 'node:net'
import { type CloseReason, closes } from '../core/close-reasons.js'
import type { Congestible } from '../core/congestion.js'
import type { Deadline, Deadlines } from '../core/deadlines.js'
import { encodeFrame, Opcode, PING } from '../core/frame.js'
import type { Session } from '../core/session.js'
import type { Transport, TransportStats } from '../core/transport.js'
import type { OwnedSocket } from '../http/sockets.js'
import { networkOf } from '../ip/address.js'
import { Closing, type ClosingConnection, closingLimits } from './closing.js'
import { type ReadContext, Reader, type ReadHandler } from './reader.js'
import type { RefusalDelays, RefusedConnection } from './refusal-delays.js'
import { isEncrypted, PIECE, type SlowConnection, SlowConsumer, type SlowConsumerContext } from './slow-consumer.js'
import { listenTo, type SocketOwner } from './socket-listeners.js'

/** What all connections of a relay share. */
export interface ConnectionContext extends ReadContext, SlowConsumerContext {
  readonly refusals: RefusalDelays
  /** Terminates connections whose client does not answer a close frame. */
  readonly closeTimeouts: Deadlines<ClosingConnection>
  /** The address of the client at the other end of a socket; empty once that is closed. */
  addressOf(socket: Socket): string
  onClose(connection: Connection): void
}

/** Bytes that are written at once to a socket without TLS: more than a batch of messages of up to 128 KiB. */
const MAX_DIRECT = 384 * 1024

/** Bytes that may be unsent when a write to TLS returns, though the client keeps up: TLS sends a moment later. */
const TLS_UNSENT = 16 * 1024

/** Bytes of answers to one read of the socket that are collected before they are sent. */
const MAX_COLLECTED = 16 * 1024

/** Fragments that count as one ping: they cost less, and a message in thousands of them is legal. */
const FRAGMENTS_A_PING = 16

/** RFC 6455 section 7.1.5: the connection broke without a close frame. */
const ABNORMAL = 1006

/**
 * One WebSocket: a {@link Reader} reads, frames are written straight to the socket, a {@link SlowConsumer} queues them
 * while the client does not keep up, and a {@link Closing} ends it. Most connections are open and keep up, and have
 * neither of the last two.
 */
export class Connection
  implements Transport, SlowConnection, RefusedConnection, ReadHandler, ClosingConnection, SocketOwner
{
  readonly session: Session
  /** Whether anything came since the last ping. */
  heard = true
  /** The next ping, set by the heartbeat. */
  nextPing: Deadline<Connection> | undefined

  readonly socket: Socket
  readonly context: ConnectionContext
  /** Bytes that are written to the socket at once while the client keeps up. */
  readonly #direct: number
  /** Bytes that may be unsent after a write before the client counts as slow. */
  readonly #usual: number
  readonly #reader: Reader
  /** How it closes; undefined while it is open. */
  #closing: Closing | undefined
  /** Whether a read of the socket is being handled: what is written is collected until its end. */
  #collecting = false
  #collected: Buffer[] | undefined
  #collectedBytes = 0
  #fragments = 0
  /** What waits for the client; undefined while it keeps up. */
  #slowConsumer: SlowConsumer | undefined

  constructor(context: ConnectionContext, socket: OwnedSocket, createSession: (transport: Transport) => Session) {
    this.context = context
    this.socket = socket
    const encrypted = isEncrypted(socket)
    this.#direct = encrypted ? PIECE : MAX_DIRECT
    this.#usual = encrypted ? TLS_UNSENT : 0
    this.#reader = new Reader(context, socket, this)
    this.session = createSession(this)
    listenTo(socket, this)
  }

  /** Asked for only when needed, since it costs a system call. */
  get address(): string {
    return this.context.addressOf(this.socket)
  }

  get network(): string {
    return networkOf(this.address)
  }

  get client(): string {
    return this.session.client
  }

  measure(): TransportStats {
    const { bytesRead, bytesWritten } = this.socket
    const backlog = this.#slowConsumer?.backlog ?? this.socket.writableLength
    return { received: bytesRead, sent: bytesWritten, backlog }
  }

  /** Whether messages may still be sent. */
  get open(): boolean {
    return this.#closing === undefined
  }

  /** Whether the relay itself has stopped reading: then silence says nothing about the client. */
  get stalled(): boolean {
    return this.#reader.stopped
  }

  write(frames: Buffer, room?: Congestible): void {
    if (this.#closing) return
    if (this.#collecting) this.#collect(frames)
    else this.#send(frames, room)
  }

  #collect(frames: Buffer): void {
    this.#collected ??= []
    this.#collected.push(frames)
    this.#collectedBytes += frames.length
    if (this.#collectedBytes > MAX_COLLECTED) this.#sendCollected()
  }

  #send(frames: Buffer, room?: Congestible): void {
    const { socket } = this
    if (this.#slowConsumer === undefined && socket.writableLength === 0 && frames.length <= this.#direct) {
      socket.write(frames)
      if (socket.writableLength > this.#usual) this.#slowConsumer = new SlowConsumer(this, frames)
      return
    }
    this.#slowConsumer ??= new SlowConsumer(this)
    if (!this.#slowConsumer.dropped) this.#slowConsumer.add(frames, room)
  }

  /** Sends what is collected, in one write: each is a system call. */
  #sendCollected(): void {
    const collected = this.#collected
    if (!collected) return
    const [only] = collected
    const bytes = collected.length === 1 && only ? only : Buffer.concat(collected)
    this.#collected = undefined
    this.#collectedBytes = 0
    if (!this.#closing) this.#send(bytes)
  }

  ping(): void {
    this.heard = false
    this.write(PING)
  }

  get age(): number {
    // `since` is in whole seconds: rather too young than too old.
    return Math.max(0, performance.now() - (this.session.since + 1) * 1000)
  }

  close(reason: CloseReason): void {
    if (this.#closing) return
    this.#sendCollected()
    const closing = this.#beginClosing()
    if (this.context.refusals.delay(this, reason)) closing.delay(reason)
    else closing.send(reason)
    this.#slowConsumer?.leaveRooms()
  }

  closeNow(): void {
    this.#closing?.sendDelayed()
  }

  hold(): void {
    this.#reader.hold()
  }

  release(): void {
    this.#reader.release()
  }

  pause(milliseconds: number): void {
    this.#reader.pause(milliseconds)
  }

  onRead(): void {
    // After a pause its answer to the last ping may still be in the kernel.
    this.heard = true
    this.#collecting = true
  }

  onReadEnd(): void {
    this.#collecting = false
    this.#sendCollected()
  }

  onDelay(milliseconds: number): void {
    this.session.delayed(milliseconds)
  }

  onViolation(reason: CloseReason): void {
    const limit = closingLimits.get(reason)
    if (limit) this.session.reportLimit(limit)
    else this.session.reportRefusal(reason.reason)
    if (this.#closing) this.#closing.fail()
    else this.session.close(reason)
  }

  /** Cuts the socket, without a close frame. */
  terminate(): void {
    this.#beginClosing().stop()
    this.session.end(ABNORMAL)
    this.socket.destroy()
  }

  cutSlow(): void {
    this.#beginClosing().stop()
    // Not now: a room may be in the middle of a flush.
    process.nextTick(finishCut, this)
  }

  /** Called after {@link Connection.cutSlow}. */
  finishCut(): void {
    this.session.reportLimit('total-backlog')
    this.session.end(closes.tooSlow.code, closes.tooSlow.reason)
    this.socket.destroy()
  }

  dropSlow(): void {
    if (this.#closing) return
    this.session.reportLimit('backlog')
    this.session.close(closes.tooSlow)
  }

  onMessage(data: Buffer, binary: boolean): void {
    this.#reader.count()
    if (!this.#slowConsumer?.dropped) this.session.receive(data, binary)
  }

  onFragment(): void {
    this.#reader.count()
    if (++this.#fragments % FRAGMENTS_A_PING === 0) this.session.pinged()
  }

  onPing(payload: Buffer): void {
    this.#reader.count()
    this.session.pinged()
    this.write(encodeFrame(Opcode.pong, payload))
  }

  onPong(): void {
    this.#reader.count()
    this.session.pinged()
  }

  onCloseFrame(code: number, reason: Buffer): void {
    this.#sendCollected()
    const text = reason.toString()
    this.#beginClosing().answer(code, text)
    this.session.end(code, text)
  }

  received(chunk: Buffer): void {
    if (this.#closing?.floods(chunk.length)) this.socket.pause()
    else this.#reader.read(chunk)
  }

  ended(): void {
    const closing = this.#beginClosing()
    this.session.end(ABNORMAL)
    closing.end()
  }

  gone(): void {
    this.#beginClosing().stop()
    this.session.end(ABNORMAL)
    this.#slowConsumer?.discard()
    this.#reader.gone()
    this.context.refusals.forget(this)
    this.context.onClose(this)
  }

  progressed(): void {
    // A ping may be behind much else in the queue.
    this.heard = true
  }

  caughtUp(): void {
    this.#slowConsumer = undefined
  }

  #beginClosing(): Closing {
    return (this.#closing ??= new Closing(this, this.#reader, this.context.closeTimeouts))
  }

  sendClose(frame: Buffer): void {
    if (this.#slowConsumer) {
      this.#slowConsumer.leaveRooms()
      this.#slowConsumer.add(frame)
    } else this.#send(frame)
  }

  endSocket(): void {
    if (this.#slowConsumer) this.#slowConsumer.end()
    else this.socket.end()
  }
}

function finishCut(connection: Connection): void {
  connection.finishCut()
}
