import * as ws from 'ws'
import { type CloseReason, closes } from '../core/errors.js'

/**
 * `ws`'s reader of frames, a Writable, as far as it is used here: `@types/ws` leaves it out.
 * https://github.com/websockets/ws/blob/master/lib/receiver.js
 */
export interface Receiver {
  readonly destroyed: boolean
  readonly writableEnded: boolean
  readonly writableNeedDrain: boolean
  write(chunk: Buffer): boolean
  on(event: 'message', listener: (this: Receiver, data: Buffer, binary: boolean) => void): this
  on(event: 'ping', listener: (this: Receiver, data: Buffer) => void): this
  on(event: 'conclude', listener: (this: Receiver, code: number, reason: Buffer) => void): this
  on(event: 'error', listener: (this: Receiver, error: Error & { code?: string }) => void): this
  on(event: 'drain', listener: (this: Receiver) => void): this
}

interface ReceiverOptions {
  isServer: boolean
  /** Bytes; 0 means no limit. */
  maxPayload: number
  maxFragments: number
  maxBufferedChunks: number
}

type ReceiverClass = new (options: ReceiverOptions) => Receiver

// @types/ws does not declare the export.
const { Receiver: WsReceiver } = ws as unknown as { Receiver: ReceiverClass }

/** More fragments than any client sends for a message that still fits. */
const MAX_FRAGMENTS = 1024

/** Pieces that wait for the rest of their frame; each is a read of the socket, of up to 64 KiB. */
const MAX_BUFFERED_CHUNKS = 65_536

/** A reader for one connection: checks and unmasks what clients send, RFC 6455 section 5. */
export function createReceiver(maxMessageBytes: number): Receiver {
  return new WsReceiver({
    isServer: true,
    maxPayload: maxMessageBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
  })
}

/** How to close a connection whose bytes the receiver refused. Its error codes: https://github.com/websockets/ws/blob/master/doc/ws.md#error-codes */
export function closeReasonOf(error: { code?: string }): CloseReason {
  switch (error.code) {
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
