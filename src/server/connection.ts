import type { Socket } from 'node:net'
import type { Alarm, Alarms } from '../core/alarms.js'
import type { Load, Port } from '../core/conversation.js'
import { type CloseReason, closes } from '../core/errors.js'
import { closeFrame, encodeFrame, Opcode, PING } from '../core/frame.js'
import type { LimitName } from '../core/hub.js'
import type { Session } from '../core/session.js'
import { networkOf } from '../networks.js'
import type { Backlog, Debtor } from './backlog.js'
import { Reader, type ReadLine, type ReadListener } from './reader.js'
import type { Refusals, Refused } from './refusals.js'
import type { OwnedSocket } from './sockets.js'

/** What all connections of a relay share. */
export interface Line extends ReadLine {
  readonly maxBufferedBytes: number
  readonly backlog: Backlog
  readonly refusals: Refusals
  /** Cuts connections whose client does not answer a close. */
  readonly farewells: Alarms<Connection>
  /** The address of the client at the other end of a socket; empty once that is gone. */
  addressOf(socket: Socket): string
  /** The socket is gone. */
  onClose(connection: Connection): void
}

/** How long a client may take to answer a close before its socket is cut, in milliseconds. */
const CLOSE_TIMEOUT = 10_000

/** What a write that waits costs beside its bytes: a queue entry, a callback and two buffer objects. */
const WRITE_COST = 512

/** Answers to one read of the socket are written together, up to so many bytes. */
const MAX_ANSWERS = 16 * 1024

/** A fragment costs less than a ping, and messages in thousands of them are legal: so many count as one ping. */
const FRAGMENTS_A_PING = 16

/** What is still read, in search of the client's goodbye, once the relay has said its own; in bytes. */
const MAX_IGNORED = 64 * 1024

/** How long a client that goes on sending has to read our goodbye, in milliseconds. */
const LAST_WORD_TIMEOUT = 1000

/** RFC 6455 section 7.1.5: the connection broke without a close frame. */
const ABNORMAL = 1006

/** RFC 6455 section 7.1.5: a close frame without a code. */
const NO_STATUS = 1005
/** Limits whose ends are closes of the connection itself. */
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
export class Connection implements Port, Debtor, Refused, ReadListener {
  readonly session: Session
  /** Whether anything came since the last ping. */
  heard = true
  /** The next ping, set by the heartbeat. */
  pulse: Alarm<Connection> | undefined

  readonly #line: Line
  readonly #socket: Socket
  readonly #reader: Reader
  /** Until a close frame is sent, or the socket breaks. */
  #open = true
  /** Whether a read of the socket is being dealt with, and what is to be written at its end. */
  #reading = false
  #answers: Buffer[] | undefined
  #answerBytes = 0
  #fragments = 0
  #farewell: Alarm<Connection> | undefined
  /** Writes, and their bytes, since the client fell behind; 0 while it keeps up. */
  #lateWrites = 0
  #lateBytes = 0
  /** Bytes that came after our goodbye. */
  #ignored = 0
  /** Why it is closed, while that waits. */
  #reason: CloseReason | undefined
  /** Whether what came broke the rules, so that no goodbye is to be found in what follows. */
  #broken = false
  /** Whether more waits than may: nothing is added to it, and the connection is about to be closed. */
  #tooSlow = false

  constructor(line: Line, socket: OwnedSocket, createSession: (port: Port) => Session) {
    this.#line = line
    this.#socket = socket
    this.#reader = new Reader(line, socket, this)
    this.session = createSession(this)
    own(socket, this)
    socket.on('data', onData).on('drain', onDrain).on('end', onEnd).on('close', onClose)
  }

  /** Asked for only when needed, since it costs a system call. */
  get address(): string {
    return this.#line.addressOf(this.#socket)
  }

  get network(): string {
    return networkOf(this.address)
  }

  measure(): Load {
    const { bytesRead, bytesWritten } = this.#socket
    return { received: bytesRead, sent: bytesWritten, backlog: this.backlog }
  }

  /** Whether frames may still be written. */
  get open(): boolean {
    return this.#open
  }

  /** Bytes of memory that wait for the client: what is unsent, and what it costs to keep it in pieces. */
  get backlog(): number {
    const unsent = this.#socket.destroyed ? 0 : this.#socket.writableLength
    if (this.#lateWrites === 0) return unsent
    return unsent + Math.ceil((WRITE_COST * this.#lateWrites * unsent) / this.#lateBytes)
  }

  /** Whether the relay itself has stopped reading, so that silence says nothing of the client. */
  get stalled(): boolean {
    return this.#reader.stopped
  }

  write(frames: Buffer): void {
    if (!this.#open || this.#tooSlow) return
    if (!this.#reading) {
      this.#send(frames)
      return
    }
    this.#answers ??= []
    this.#answers.push(frames)
    this.#answerBytes += frames.length
    if (this.#answerBytes > MAX_ANSWERS) this.#sendAnswers()
  }

  #send(frames: Buffer): void {
    const behind = this.#socket.writableLength > 0
    if (!behind && this.#lateWrites > 0) this.#caughtUp()
    // A piece of a pooled buffer would keep the whole of it, and other rooms' frames, for a slow client.
    this.#socket.write(behind ? detach(frames) : frames)
    // TLS always has a little unsent for a moment: that alone says nothing of the client.
    if (behind || this.#socket.writableNeedDrain) this.#fellBehind(frames.length)
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
    // Not more than it is: `since` is in whole seconds.
    return Math.max(0, performance.now() - (this.session.since + 1) * 1000)
  }

  close(reason: CloseReason): void {
    if (this.#open) {
      this.#sendAnswers()
      this.#reason = reason
      // Until then nothing is read or written.
      if (this.#line.refusals.delay(this, reason)) this.#reader.hold()
      else this.part()
    } else this.#awaitGoodbye()
    this.#open = false
  }

  part(): void {
    const reason = this.#reason
    this.#reason = undefined
    // Not through write(), which gives nothing to a client that is too slow.
    if (reason) this.#socket.write(closeFrame(reason))
    if (this.#broken) this.#hangUp()
    else this.#awaitGoodbye()
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
    this.#socket.destroy()
  }

  abandon(): void {
    this.#open = false
    // Not now: a room may be in the middle of a flush.
    process.nextTick(cutOff, this)
  }

  /** Called after {@link Connection.abandon}. */
  cutOff(): void {
    this.session.limited('total-backlog')
    this.session.end(closes.tooSlow.code)
    this.#socket.destroy()
  }

  /** Called when more than `maxBufferedBytes` were unsent. */
  dropSlow(): void {
    if (!this.#open) return
    this.session.limited('backlog')
    this.session.close(closes.tooSlow)
  }

  onMessage(data: Buffer, binary: boolean): void {
    this.#reader.count()
    if (!this.#tooSlow) this.session.receive(data, binary)
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
  onGoodbye(code: number, reason: Buffer): void {
    this.write(code === NO_STATUS ? EMPTY_CLOSE : closeFrame({ code, reason: reason.toString() }))
    this.#sendAnswers()
    this.#open = false
    this.session.end(code)
    this.#hangUp()
  }

  /** A piece of the byte stream came. */
  received(chunk: Buffer): void {
    if (!this.#open && (this.#ignored += chunk.length) > MAX_IGNORED) {
      // Whoever goes on and on is not read any more, and has but a moment to read why it was closed.
      this.#socket.pause()
      this.#line.farewells.cancel(this.#farewell)
      this.#farewell = this.#line.farewells.set(this, LAST_WORD_TIMEOUT)
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
    this.#line.backlog.set(this, 0)
    this.#line.farewells.cancel(this.#farewell)
    this.#reader.gone()
    this.#line.refusals.forget(this)
    this.#line.onClose(this)
  }

  /** All that was unsent has gone. */
  drained(): void {
    this.#caughtUp()
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

  /** The client reads more slowly than it is written to: counts what waits for it. */
  #fellBehind(written: number): void {
    this.#lateWrites++
    this.#lateBytes += written
    const { backlog } = this
    this.#line.backlog.set(this, backlog)
    const { maxBufferedBytes } = this.#line
    if (maxBufferedBytes === 0 || backlog <= maxBufferedBytes || this.#tooSlow) return
    this.#tooSlow = true
    // Not now: a room may be in the middle of a flush.
    process.nextTick(dropSlow, this)
  }

  #caughtUp(): void {
    this.#lateWrites = 0
    this.#lateBytes = 0
    this.#line.backlog.set(this, 0)
  }

  /** Reads on whatever the reason not to, to see the client's goodbye; cuts the socket if none comes. */
  #awaitGoodbye(): void {
    this.#reader.readToEnd()
    this.#farewell ??= this.#line.farewells.set(this, CLOSE_TIMEOUT)
  }

  /** Ends our half of the socket, after what is written already. */
  #hangUp(): void {
    this.#socket.end()
    this.#awaitGoodbye()
  }
}

/** The bytes in memory of their own. */
function detach(frames: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(frames.length)
  frames.copy(copy)
  return copy
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

function onDrain(this: Socket): void {
  ownerOf(this).drained()
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

function dropSlow(connection: Connection): void {
  connection.dropSlow()
}
