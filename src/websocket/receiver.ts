import type { Writable } from 'node:stream'
import * as ws from 'ws'
import { type CloseReason, closes } from '../core/close-reasons.js'
import { copyBytes } from '../core/copies.js'

/** What a {@link Receiver} reads. */
export interface FrameHandler {
  onMessage(data: Buffer, binary: boolean): void
  /** A fragment of a message that goes on. */
  onFragment(): void
  onPing(payload: Buffer): void
  onPong(): void
  /** A close frame; nothing comes after it. */
  onCloseFrame(code: number, reason: Buffer): void
}

interface WsReceiverOptions {
  isServer: boolean
  /** Bytes; 0 means no limit. */
  maxPayload: number
}

/**
 * `ws`'s reader of frames, a Writable that emits what it reads; `@types/ws` leaves it out.
 * https://github.com/websockets/ws/blob/master/lib/receiver.js
 */
type WsReceiver = new (
  options: WsReceiverOptions,
) => Pick<Writable, '_write'> & {
  /** Whether it goes on with what it has. */
  _loop: boolean
  /** What it has of a frame that is not whole yet, and of all that follows when it was stopped. */
  _buffers: Buffer[]
  _bufferedBytes: number
  /** The mask of a frame whose payload is not whole yet. */
  _mask: Buffer | undefined
  /** Whether the frame that was read last ends its message. */
  _fin: boolean
  /** The opcode of a message of which some fragments have come; 0 if there is none. */
  _fragmented: number
  /** The fragments of a message that goes on, and their bytes. */
  _fragments: Buffer[]
  _messageLength: number
  /** What it reads next; 0 is the beginning of a frame. */
  _state: number
  /** Goes on with what it has. */
  startLoop(callback: (error?: Error | null) => void): void
  /** Handles a data frame. */
  dataMessage(callback: (error?: Error | null) => void): void
}

const { Receiver: Base } = ws as unknown as { Receiver: WsReceiver }

/** Pieces of a message that are kept are joined until they have so many bytes. */
const PIECE = 4096

/** The error of the last `_write`. It always calls back before it returns, since nothing is inflated or deferred here. */
let fault: (Error & { code?: string }) | null | undefined
const onWritten = (error?: Error | null): void => {
  fault = error
}

/**
 * Checks and unmasks what one client sends, RFC 6455 section 5: `ws` reads every byte. Two parts of its stream are left
 * out, because they cost more than the reading (docs/performance.md): its queue, which is always empty, since each chunk
 * is read to its end at once; and its listeners. What `ws` keeps of an unfinished message is joined here. So it takes
 * about as much memory as it has bytes, however it was cut into frames and TCP segments.
 *
 * `ws` documents none of this. package.json holds it to its minor version, and test/websocket/receiver.test.ts names
 * the part that has changed.
 */
export class Receiver extends Base {
  readonly #handler: FrameHandler
  #done = false
  /** Whether the unfinished message began after the last call of {@link Receiver.begun}. */
  #begun = true

  /** @param maxMessageBytes 0 means no limit. */
  constructor(maxMessageBytes: number, handler: FrameHandler) {
    super({ isServer: true, maxPayload: maxMessageBytes })
    this.#handler = handler
  }

  /** Whether it reads nothing more. */
  get done(): boolean {
    return this.#done
  }

  /** Whether something is left: part of a frame or of a message, or frames that came while it was stopped. */
  get unfinished(): boolean {
    return this._bufferedBytes > 0 || this._fragmented !== 0 || this._state !== 0
  }

  /** Bytes that are kept of what is unfinished. */
  get kept(): number {
    return this._bufferedBytes + this._messageLength
  }

  /** Whether the unfinished message is another one than at the last call. */
  begun(): boolean {
    const begun = this.#begun
    this.#begun = false
    return begun
  }

  /**
   * Reads a piece of the byte stream.
   *
   * @returns Why the connection has to be closed, if the piece broke the rules. Nothing is read after that.
   */
  read(chunk: Buffer): CloseReason | undefined {
    if (this.#done) return undefined
    this._write(chunk, 'binary', onWritten)
    return this.#fault()
  }

  /** Called while it reads: the rest of the piece waits for {@link Receiver.resume}. */
  stop(): void {
    this._loop = false
  }

  /** Goes on where it was stopped. Otherwise as {@link Receiver.read}. */
  resume(): CloseReason | undefined {
    if (this.#done) return undefined
    this.startLoop(onWritten)
    return this.#fault()
  }

  /** Copies what is kept into memory of its own: `ws` keeps views of reads, each of which may be 64 KiB. */
  compact(): void {
    join(this._buffers)
    join(this._fragments)
    if (this._mask) this._mask = copyBytes([this._mask])
  }

  /** Drops what is unfinished, and reads nothing any more. */
  abandon(): void {
    this.#done = true
    this._buffers = []
    this._bufferedBytes = 0
    this._fragments = []
    this._messageLength = 0
    this._fragmented = 0
    this._state = 0
  }

  override dataMessage(callback: (error?: Error | null) => void): void {
    super.dataMessage(callback)
    if (!this._fin) this.#handler.onFragment()
  }

  /** Called by `ws` for what it reads, and by Node for the stream's own events, which are ignored. */
  emit(event: string, data: unknown, more?: unknown): boolean {
    if (this._fragmented === 0) this.#begun = true
    if (event === 'message') this.#handler.onMessage(data as Buffer, more as boolean)
    else if (event === 'ping') this.#handler.onPing(data as Buffer)
    else if (event === 'pong') this.#handler.onPong()
    else if (event === 'conclude') {
      this.#done = true
      this.#handler.onCloseFrame(data as number, more as Buffer)
    }
    return true
  }

  #fault(): CloseReason | undefined {
    if (!fault) return undefined
    const reason = closeReasonOf(fault)
    this.abandon()
    return reason
  }
}

/** Joins the last pieces as far as they are short, or views of something larger. */
function join(pieces: Buffer[]): void {
  let first = pieces.length
  for (let piece = pieces[first - 1]; piece && !isPiece(piece); piece = pieces[first - 1]) first--
  if (first < pieces.length) pieces.push(copyBytes(pieces.splice(first)))
}

function isPiece({ length, buffer }: Buffer): boolean {
  return length >= PIECE && length === buffer.byteLength
}

/** How to close for an error of `ws`: https://github.com/websockets/ws/blob/master/doc/ws.md#error-codes */
function closeReasonOf({ code }: { code?: string }): CloseReason {
  switch (code) {
    case 'WS_ERR_INVALID_UTF8':
      return closes.notUtf8
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return closes.tooBig
    default:
      return closes.protocolError
  }
}
