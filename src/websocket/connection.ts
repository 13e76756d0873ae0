import type { Socket } from 'node:net'
import { type CloseReason, closes } from '../core/close-reasons.js'
import type { Deadline, Deadlines } from '../core/deadlines.js'
import { closeFrame, encodeFrame, Opcode, PING } from '../core/frame.js'
import type { LimitName } from '../core/observer.js'
import type { Room } from '../core/room.js'
import type { Session } from '../core/session.js'
import type { Transport, TransportStats } from '../core/transport.js'
import type { OwnedSocket } from '../http/sockets.js'
import { networkOf } from '../options/networks.js'
import { type ReadContext, Reader, type ReadHandler } from './reader.js'
import type { RefusalDelays, RefusedConnection } from './refusal-delays.js'
import type { SendBudget } from './send-budget.js'
import { isEncrypted, PIECE, type SlowConnection, SlowConsumer } from './slow-consumer.js'

/** What all connections of a relay share. */
export interface ConnectionContext extends ReadContext {
  readonly maxBufferedBytes: number
  readonly budget: SendBudget
  readonly refusals: RefusalDelays
  /** Cuts connections whose client does not answer a close. */
  readonly closeTimeouts: Deadlines<Connection>
  /** The address of the client at the other end of a socket; empty once that is gone. */
  addressOf(socket: Socket): string
  /** The socket is gone. */
  onClose(connection: Connection): void
}

/** How long a client may take to answer a close before its socket is cut, in milliseconds. */
const CLOSE_TIMEOUT = 10_000

/** Bytes that are written to a socket without TLS at once: more than a batch of messages of up to 128 KiB. */
const MAX_DIRECT = 384 * 1024

/** Bytes that may be unsent when a write to TLS returns, though the client keeps up: TLS sends a moment later. */
const TLS_UNSENT = 16 * 1024

/** Answers to one read of the socket are written together, up to so many bytes. */
const MAX_ANSWERS = 16 * 1024

/** Fragments that count as one ping: they cost less, and a message in thousands of them is legal. */
const FRAGMENTS_A_PING = 16

/** What is still read, in search of the client's goodbye, once the relay has said its own; in bytes. */
const MAX_IGNORED = 64 * 1024

/** How long a client that goes on sending has to read our goodbye, in milliseconds. */
const LAST_CLOSE_TIMEOUT = 1000

/** RFC 6455 section 7.1.5: the connection broke without a close frame. */
const ABNORMAL = 1006

/** RFC 6455 section 7.1.5: a close frame without a code. */
const NO_STATUS = 1005
/** The limits that end a connection, by the close that each ends it with. */
const limits: ReadonlyMap<CloseReason, LimitName> = new Map<CloseReason, LimitName>([
  [closes.tooBig, 'message-size'],
  [closes.unfinished, 'unfinished'],
  [closes.tooManyUnfinished, 'total-unfinished'],
])

const EMPTY_CLOSE = encodeFrame(Opcode.close, Buffer.alloc(0))

/**
 * One WebSocket: a {@link Reader} reads, frames are written straight to the socket, and the goodbyes of
 * RFC 6455 section 7 are said here. Its listeners are shared by all connections, which saves each a
 * dozen closures.
 */
export class Connection implements Transport, SlowConnection, RefusedConnection, ReadHandler {
  readonly session: Session
  /** Whether anything came since the last ping. */
  heard = true
  /** The next ping, set by the heartbeat. */
  nextPing: Deadline<Connection> | undefined

  readonly socket: Socket
  readonly #context: ConnectionContext
  /** Bytes that are written to the socket at once while the client keeps up. */
  readonly #direct: number
  /** Bytes that may be unsent after a write before the client counts as slow. */
  readonly #usual: number
  readonly #reader: Reader
  /** Until a close frame is sent, or the socket breaks. */
  #open = true
  /** Whether a read of the socket is being dealt with, and what is to be written at its end. */
  #reading = false
  #answers: Buffer[] | undefined
  #answerBytes = 0
  #fragments = 0
  #closeTimeout: Deadline<Connection> | undefined
  /** What waits for the client; undefined while it keeps up. */
  #slowConsumer: SlowConsumer | undefined
  /** Bytes that came after our goodbye. */
  #ignored = 0
  /** The reason of a close that is delayed. */
  #reason: CloseReason | undefined
  /** Whether what came broke the rules, so that no close frame can be found in what follows. */
  #broken = false

  constructor(line: ConnectionContext, socket: OwnedSocket, createSession: (port: Transport) => Session) {
    this.#context = line
    this.socket = socket
    const encrypted = isEncrypted(socket)
    this.#direct = encrypted ? PIECE : MAX_DIRECT
    this.#usual = encrypted ? TLS_UNSENT : 0
    this.#reader = new Reader(line, socket, this)
    this.session = createSession(this)
    own(socket, this)
    socket.on('data', onData).on('end', onEnd).on('close', onClose)
  }

  /** Asked for only when needed, since it costs a system call. */
  get address(): string {
    return this.#context.addressOf(this.socket)
  }

  get network(): string {
    return networkOf(this.address)
  }

  get client(): string {
    return this.session.client
  }

  measure(): TransportStats {
    const { bytesRead, bytesWritten } = this.socket
    return {
      received: bytesRead,
      sent: bytesWritten,
      backlog: this.#slowConsumer?.backlog ?? this.socket.writableLength,
    }
  }

  /** Whether frames may still be written. */
  get open(): boolean {
    return this.#open
  }

  get budget(): SendBudget {
    return this.#context.budget
  }

  get maxBufferedBytes(): number {
    return this.#context.maxBufferedBytes
  }

  /** Whether the relay itself has stopped reading, so that silence says nothing of the client. */
  get stalled(): boolean {
    return this.#reader.stopped
  }

  write(frames: Buffer, room?: Room): void {
    if (!this.#open) return
    if (!this.#reading) {
      this.#send(frames, room)
      return
    }
    this.#answers ??= []
    this.#answers.push(frames)
    this.#answerBytes += frames.length
    if (this.#answerBytes > MAX_ANSWERS) this.#sendAnswers()
  }

  #send(frames: Buffer, room?: Room): void {
    const { socket } = this
    if (this.#slowConsumer === undefined && socket.writableLength === 0 && frames.length <= this.#direct) {
      socket.write(frames)
      if (socket.writableLength > this.#usual) this.#slowConsumer = new SlowConsumer(this, frames)
      return
    }
    this.#slowConsumer ??= new SlowConsumer(this)
    if (!this.#slowConsumer.dropped) this.#slowConsumer.add(frames, room)
  }

  /** Writes what has been collected, and keeps collecting. */
  #sendAnswers(): void {
    const answers = this.#answers
    if (!answers) return
    const [only] = answers
    const bytes = answers.length === 1 && only ? only : Buffer.concat(answers)
    this.#answers = undefined
    this.#answerBytes = 0
    if (this.#open) this.#send(bytes)
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
    if (this.#open) {
      this.#sendAnswers()
      this.#reason = reason
      // Nothing is read or written during the delay.
      if (this.#context.refusals.delay(this, reason)) this.#reader.hold()
      else this.closeNow()
    } else this.#awaitCloseFrame()
    this.#open = false
    this.#slowConsumer?.leaveRooms()
  }

  closeNow(): void {
    const reason = this.#reason
    this.#reason = undefined
    if (reason) this.#sendClose(closeFrame(reason))
    if (this.#broken) this.#hangUp()
    else this.#awaitCloseFrame()
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
    this.#reading = true
  }

  /** What a read was answered goes out in one write, each of which is a system call. */
  onReadEnd(fault: CloseReason | undefined): void {
    this.#reading = false
    this.#sendAnswers()
    if (fault) this.#fail(fault)
  }

  onDelay(milliseconds: number): void {
    this.session.delayed(milliseconds)
  }

  onUnfinished(reason: CloseReason): void {
    this.#fail(reason)
  }

  /** Cuts the socket, without a close frame. */
  terminate(): void {
    this.#open = false
    this.session.end(ABNORMAL)
    this.socket.destroy()
  }

  abandon(): void {
    this.#open = false
    // Not now: a room may be in the middle of a flush.
    process.nextTick(cutOff, this)
  }

  /** Called after {@link Connection.abandon}. */
  cutOff(): void {
    this.session.limited('total-backlog')
    this.session.end(closes.tooSlow.code, closes.tooSlow.reason)
    this.socket.destroy()
  }

  dropSlow(): void {
    if (!this.#open) return
    this.session.limited('backlog')
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

  /** RFC 6455 section 5.5.1: a close is answered with the same code, and the server hangs up. */
  onCloseFrame(code: number, reason: Buffer): void {
    this.#sendAnswers()
    const said = { code, reason: reason.toString() }
    if (this.#open) this.#sendClose(code === NO_STATUS ? EMPTY_CLOSE : closeFrame(said))
    this.#open = false
    this.session.end(code, said.reason)
    this.#hangUp()
  }

  /** A piece of the byte stream came. */
  received(chunk: Buffer): void {
    if (!this.#open && (this.#ignored += chunk.length) > MAX_IGNORED) {
      // Whoever goes on and on is not read any more, and has but a moment to read why it was closed.
      this.socket.pause()
      this.#context.closeTimeouts.cancel(this.#closeTimeout)
      this.#closeTimeout = this.#context.closeTimeouts.set(this, LAST_CLOSE_TIMEOUT)
      return
    }
    this.#reader.read(chunk)
  }

  /** The client has ended its half of the socket. */
  ended(): void {
    this.#open = false
    this.session.end(ABNORMAL)
    this.#hangUp()
  }

  /** The socket is gone. */
  gone(): void {
    this.#open = false
    this.session.end(ABNORMAL)
    this.#slowConsumer?.discard()
    this.#context.closeTimeouts.cancel(this.#closeTimeout)
    this.#reader.gone()
    this.#context.refusals.forget(this)
    this.#context.onClose(this)
  }

  /** What it is sent is taken. */
  progressed(): void {
    // A ping may stand behind much else.
    this.heard = true
  }

  caughtUp(): void {
    this.#slowConsumer = undefined
  }

  /** What came breaks the rules. */
  #fail(reason: CloseReason): void {
    this.#reader.abandon()
    this.#broken = true
    const limit = limits.get(reason)
    if (limit) this.session.limited(limit)
    else this.session.refuse(reason.reason)
    if (this.#open) this.session.close(reason)
    else if (!this.#reason) this.#hangUp()
  }

  /** Sends the last frame, also to a client that is too slow for others. */
  #sendClose(frame: Buffer): void {
    if (this.#slowConsumer) {
      this.#slowConsumer.leaveRooms()
      this.#slowConsumer.add(frame)
    } else this.#send(frame)
  }

  /** Reads on whatever the reason not to, to see the client's goodbye; cuts the socket if none comes. */
  #awaitCloseFrame(): void {
    this.#reader.readToEnd()
    this.#closeTimeout ??= this.#context.closeTimeouts.set(this, CLOSE_TIMEOUT)
  }

  /** Ends our half of the socket, after what is written already. */
  #hangUp(): void {
    if (this.#slowConsumer) this.#slowConsumer.end()
    else this.socket.end()
    this.#awaitCloseFrame()
  }
}

const kConnection = Symbol('connection')

interface Owned {
  [kConnection]: Connection
}

function own(socket: Socket, connection: Connection): void {
  ;(socket as unknown as Owned)[kConnection] = connection
}

function ownerOf(socket: Socket): Connection {
  return (socket as unknown as Owned)[kConnection]
}

function onData(this: Socket, chunk: Buffer): void {
  ownerOf(this).received(chunk)
}

function onEnd(this: Socket): void {
  ownerOf(this).ended()
}

function onClose(this: Socket): void {
  ownerOf(this).gone()
}

function cutOff(connection: Connection): void {
  connection.cutOff()
}
