import type { Writable } from 'node:stream'
import * as ws from 'ws'
import { type CloseReason, closes } from '../core/errors.js'

/** What a {@link Receiver} reads. */
export interface Listener {
  onMessage(data: Buffer, binary: boolean): void
  onPing(payload: Buffer): void
  onPong(): void
  /** A close frame; nothing comes after it. */
  onGoodbye(code: number, reason: Buffer): void
}

interface WsReceiverOptions {
  isServer: boolean
  /** Bytes; 0 means no limit. */
  maxPayload: number
  maxFragments: number
  maxBufferedChunks: number
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
  /** Goes on with what it has. */
  startLoop(callback: (error?: Error | null) => void): void
}

const { Receiver: Base } = ws as unknown as { Receiver: WsReceiver }

/** More fragments than any client sends for a message that still fits. */
const MAX_FRAGMENTS = 1024

/**
 * Pieces that may wait for the rest of their frame, each a read of the socket. Putting very many together
 * takes long, and no honest client sends a large message in pieces of a few bytes.
 */
function maxChunks(maxMessageBytes: number): number {
  return maxMessageBytes === 0 ? MAX_CHUNKS : Math.min(MAX_CHUNKS, Math.max(MIN_CHUNKS, maxMessageBytes / 512))
}

const MIN_CHUNKS = 4096
const MAX_CHUNKS = 65_536

/** What the last `_write` said: it always answers before it returns, since nothing is inflated or deferred here. */
let fault: (Error & { code?: string }) | null | undefined
const onWritten = (error?: Error | null): void => {
  fault = error
}

/**
 * Checks and unmasks what one client sends, RFC 6455 section 5: every byte is read by `ws`. Two things
 * of its stream are left out because they cost more than the reading (docs/performance.md): its queue,
 * which is always empty as each chunk is read to its end at once, and its listeners.
 */
export class Receiver extends Base {
  readonly #listener: Listener
  #done = false

  /** @param maxMessageBytes 0 means no limit. */
  constructor(maxMessageBytes: number, listener: Listener) {
    super({
      isServer: true,
      maxPayload: maxMessageBytes,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: maxChunks(maxMessageBytes),
    })
    this.#listener = listener
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

  #fault(): CloseReason | undefined {
    if (!fault) return undefined
    this.#done = true
    return closeReasonOf(fault)
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

  /** Called by `ws` for what it reads, and by Node for the stream's own events, which nobody awaits. */
  emit(event: string, data: unknown, more?: unknown): boolean {
    if (event === 'message') this.#listener.onMessage(data as Buffer, more as boolean)
    else if (event === 'ping') this.#listener.onPing(data as Buffer)
    else if (event === 'pong') this.#listener.onPong()
    else if (event === 'conclude') {
      this.#done = true
      this.#listener.onGoodbye(data as number, more as Buffer)
    }
    return true
  }
}

/** How to close for an error of `ws`: https://github.com/websockets/ws/blob/master/doc/ws.md#error-codes */
function closeReasonOf({ code }: { code?: string }): CloseReason {
  switch (code) {
    case 'WS_ERR_INVALID_UTF8':
      return closes.notUtf8
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return closes.tooBig
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return closes.tooManyFragments
    default:
      return closes.protocolError
  }
}
