import { type CloseReason, closes } from '../core/close-reasons.js'
import type { Deadline, Deadlines } from '../core/deadlines.js'
import { closeFrame, encodeFrame, Opcode } from '../core/frame.js'
import type { LimitName } from '../core/observer.js'
import type { Reader } from './reader.js'

/** What a {@link Closing} needs of its connection. */
export interface ClosingConnection {
  /** Sends a close frame, also to a slow consumer. */
  sendClose(frame: Buffer): void
  /** Ends our half of the socket, behind all that waits for the client. */
  endSocket(): void
  /** Cuts the socket. */
  terminate(): void
}

/** What it needs of the reader. */
export type ClosingReader = Pick<Reader, 'done' | 'hold' | 'readToEnd'>

/** How long a client may take to answer a close frame and to end its half of the socket, in milliseconds. */
const CLOSE_TIMEOUT = 10_000

/** Bytes that are read, and ignored, in search of the client's close frame. */
const MAX_IGNORED = 64 * 1024

/** How long a client that sends more than that has to read our close frame, in milliseconds. */
const FLOOD_TIMEOUT = 1000

/** RFC 6455 section 7.1.5: a close frame without a code. */
const NO_STATUS = 1005

const EMPTY_CLOSE = encodeFrame(Opcode.close, Buffer.alloc(0))

/** The limits whose violation ends a connection, by the reason that its close frame gives. */
export const closingLimits: ReadonlyMap<CloseReason, LimitName> = new Map<CloseReason, LimitName>([
  [closes.tooBig, 'message-size'],
  [closes.unfinished, 'unfinished'],
  [closes.tooManyUnfinished, 'total-unfinished'],
])

/** The close frame is held back. Nothing is read or written. */
const DELAYED = 0
/** Our close frame is sent. The client's is awaited. */
const CLOSING = 1
/** Our half of the socket is ended, behind all that waits for the client. The end of its half is awaited. */
const ENDING = 2
/** The socket is closed or about to be. */
const CLOSED = 3

/**
 * The closing of a WebSocket, RFC 6455 section 7. An open connection has no such object: it is made when the closing
 * begins.
 *
 *     +------+  a refusal that has to wait   +---------+
 *     | OPEN |------------------------------>| DELAYED |- - - - - - - - - - - - - +
 *     +------+                               +---------+                          |
 *       |  |                                      | the wait is over:             |
 *       |  |  our close frame                     | our close frame               |
 *       |  |                                      v                               |
 *       |  |                                 +---------+                          |
 *       |  +-------------------------------->| CLOSING |- - - - - - - - - - - - - +
 *       |                                    +---------+                          |
 *       |  the client's close frame,              | the client's close frame,     |
 *       |  answered with ours;                    | or its FIN,                   |
 *       |  or its FIN;                            | or a broken frame             |
 *       |  or a broken frame,                     v                               |
 *       |  answered with our close frame     +---------+                          |
 *       +----------------------------------->| ENDING  |- - - - - - - - - - - - - +
 *       |                                    +---------+                          |
 *       |                                         | the client's FIN:             | close timeout,
 *       |                                         | the socket closes             | or the socket breaks
 *       |                                         v                               |
 *       |  heartbeat, send budget,           +---------+                          |
 *       +- - - - - - - - - - - - - - - - - ->| CLOSED  |<- - - - - - - - - - - - - +
 *          or the socket breaks              +---------+
 *
 * Continuous lines are orderly ends, broken ones are not. A client's FIN leads from DELAYED to ENDING as well. The
 * close timeout begins with CLOSING or ENDING, whichever comes first. Until the end the relay reads on, since a socket
 * with unread bytes is reset when it closes, and a reset discards what the client has not read yet.
 */
export class Closing {
  readonly #connection: ClosingConnection
  readonly #reader: ClosingReader
  readonly #timeouts: Deadlines<ClosingConnection>
  #state = DELAYED
  #timeout: Deadline<ClosingConnection> | undefined
  /** What the close frame says that is held back. */
  #reason: CloseReason | undefined
  /** Bytes that came since the closing began. */
  #ignored = 0

  /** @param timeouts Terminates connections when they are due. */
  constructor(connection: ClosingConnection, reader: ClosingReader, timeouts: Deadlines<ClosingConnection>) {
    this.#connection = connection
    this.#reader = reader
    this.#timeouts = timeouts
  }

  /** Holds the close frame back until {@link Closing.sendDelayed}. */
  delay(reason: CloseReason): void {
    this.#reason = reason
    this.#reader.hold()
  }

  /** The wait is over. Does nothing if there was none, or if the connection has ended meanwhile. */
  sendDelayed(): void {
    if (this.#reason) this.send(this.#reason)
  }

  /** Sends the close frame. */
  send(reason: CloseReason): void {
    if (this.#state === DELAYED) this.#send(closeFrame(reason))
  }

  /** RFC 6455 section 5.5.1: a close frame is answered with the same code, if ours is not sent yet. */
  answer(code: number, reason: string): void {
    if (this.#state === DELAYED) this.#send(code === NO_STATUS ? EMPTY_CLOSE : closeFrame({ code, reason }))
    else this.end()
  }

  /** No close frame of the client is awaited any more: it came, or the client's FIN, or a broken frame. */
  end(): void {
    if (this.#state >= ENDING) return
    this.#state = ENDING
    this.#connection.endSocket()
    this.#readToEnd()
  }

  /** The client has broken the rules. While the close frame is held back, it is sent first. */
  fail(): void {
    if (this.#state !== DELAYED) this.end()
  }

  /** Counts bytes that came. Returns whether there are too many to go on reading. */
  floods(bytes: number): boolean {
    this.#ignored += bytes
    if (this.#ignored <= MAX_IGNORED) return false
    this.#timeouts.cancel(this.#timeout)
    this.#timeout = this.#timeouts.set(this.#connection, FLOOD_TIMEOUT)
    return true
  }

  /** The socket is closed, or about to be. */
  stop(): void {
    this.#state = CLOSED
    this.#timeouts.cancel(this.#timeout)
  }

  #send(frame: Buffer): void {
    this.#state = CLOSING
    this.#connection.sendClose(frame)
    // The frame may have been too much for the send budget, which has cut the connection then.
    if (this.#state !== CLOSING) return
    if (this.#reader.done) this.end()
    else this.#readToEnd()
  }

  /** Reads on even if there is a reason not to, but not for ever. */
  #readToEnd(): void {
    this.#reader.readToEnd()
    this.#timeout ??= this.#timeouts.set(this.#connection, CLOSE_TIMEOUT)
  }
}
