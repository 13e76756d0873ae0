import type { Socket } from 'node:net'
import { type CloseReason, closes } from '../core/close-reasons.js'
import type { Deadline, Deadlines } from '../core/deadlines.js'
import { type FrameHandler, Receiver } from './receiver.js'
import type { UnfinishedMessages, UnfinishedSource } from './unfinished-messages.js'

/** What all readers of a relay share. */
export interface ReadContext {
  readonly maxMessageBytes: number
  /** Reads again from senders that were slowed down. */
  readonly pauses: Deadlines<Reader>
  readonly unfinished: UnfinishedMessages
}

/** Handles what is read. */
export interface ReadHandler extends FrameHandler {
  /** The client's user or address. Empty if unknown. */
  readonly client: string
  /** A read of the socket, or the rest of one, is about to be parsed. */
  onRead(): void
  /** It has been parsed, as far as the relay wants to. */
  onReadEnd(): void
  /** The relay did not read the client for so many milliseconds. */
  onDelay(milliseconds: number): void
  /** The connection has to be closed: what came breaks the rules, or a message is not finished. Nothing more is read. */
  onViolation(reason: CloseReason): void
}

/** Frames of one read that are handled before other connections have their turn: a read may bring 10,000 tiny ones. */
const MAX_FRAMES = 256

/**
 * Reads one socket, as fast as the relay wants to. When it stops, it stops behind the frame that is being handled.
 * What came with that frame waits as bytes, of one read at most.
 */
export class Reader implements UnfinishedSource {
  readonly #context: ReadContext
  readonly #socket: Socket
  readonly #handler: ReadHandler
  readonly #receiver: Receiver
  /** Frames since this read began. */
  #frames = 0
  /** Whether the rest of this read waits until other connections have had their turn. */
  #yielding = false
  /** Whether the next message waits for an answer, or nothing is read because a close is delayed. */
  #held = false
  /** Until when the sender is slowed down. */
  #pause: Deadline<Reader> | undefined
  /** When it stopped, in milliseconds of `performance.now()`; 0 while it reads. */
  #stopped = 0
  /** Whether {@link UnfinishedMessages} counts a message of this sender. */
  #unfinished = false

  constructor(context: ReadContext, socket: Socket, handler: ReadHandler) {
    this.#context = context
    this.#socket = socket
    this.#handler = handler
    this.#receiver = new Receiver(context.maxMessageBytes, handler)
  }

  /** Whether the relay itself has stopped reading: then silence says nothing about the client. */
  get stopped(): boolean {
    return this.#held || this.#yielding || this.#pause !== undefined
  }

  get client(): string {
    return this.#handler.client
  }

  /** Whether nothing more can be read: a close frame came, or what breaks the rules, or the socket is closed. */
  get done(): boolean {
    return this.#receiver.done
  }

  /** A piece of the byte stream came. */
  read(chunk: Buffer): void {
    this.#begin()
    this.#end(this.#receiver.read(chunk))
  }

  /** Reads nothing more until {@link Reader.release}. */
  hold(): void {
    this.#held = true
    this.#stop()
  }

  release(): void {
    this.#held = false
    this.goOn()
  }

  /** Reads nothing more for so many milliseconds. */
  pause(milliseconds: number): void {
    // The other limit may ask for longer.
    if (this.#pause && this.#pause.due >= performance.now() + milliseconds) return
    this.#context.pauses.cancel(this.#pause)
    this.#pause = this.#context.pauses.set(this, milliseconds)
    this.#stop()
  }

  /** The pause is over. */
  resume(): void {
    this.#pause = undefined
    this.goOn()
  }

  /** Other connections have had their turn. */
  proceed(): void {
    this.#yielding = false
    this.goOn()
  }

  /** Counts a frame, after which other connections may have their turn. */
  count(): void {
    if (++this.#frames < MAX_FRAMES || this.#yielding) return
    this.#yielding = true
    this.#stop()
    setImmediate(proceed, this)
  }

  /** Goes on with what was read already, and then with the socket, unless there is still a reason not to. */
  goOn(): void {
    if (this.stopped) return
    if (this.#stopped > 0) {
      this.#handler.onDelay(performance.now() - this.#stopped)
      this.#stopped = 0
    }
    this.#begin()
    this.#end(this.#receiver.resume())
    if (!this.stopped) this.#socket.resume()
  }

  /** Reads on even if there is a reason not to, since the relay waits for the client's close frame. */
  readToEnd(): void {
    this.#context.pauses.cancel(this.#pause)
    this.#pause = undefined
    this.#held = false
    // Not now: this may be called for a message that is just being read.
    process.nextTick(goOn, this)
  }

  /** The socket is closed. */
  gone(): void {
    this.#context.pauses.cancel(this.#pause)
    this.#abandon()
  }

  giveUp(why: 'slow' | 'total'): void {
    this.#abandon()
    this.#handler.onViolation(why === 'slow' ? closes.unfinished : closes.tooManyUnfinished)
  }

  /** Drops what it has, and ignores what still comes. */
  #abandon(): void {
    this.#receiver.abandon()
    this.#note()
  }

  #stop(): void {
    if (this.#stopped === 0) this.#stopped = performance.now()
    this.#receiver.stop()
    this.#socket.pause()
  }

  #begin(): void {
    this.#frames = 0
    this.#handler.onRead()
  }

  #end(fault: CloseReason | undefined): void {
    this.#handler.onReadEnd()
    this.#note()
    if (fault) this.#handler.onViolation(fault)
  }

  /** Reports what is unfinished, if anything is or was. */
  #note(): void {
    const { unfinished, kept } = this.#receiver
    if (!unfinished && !this.#unfinished) return
    // The rest is read within a turn or two: a copy would cost more than it saves.
    if (unfinished && !this.#yielding) this.#receiver.compact()
    this.#unfinished = unfinished
    if (unfinished) this.#context.unfinished.set(this, kept, this.#receiver.begun())
    else this.#context.unfinished.delete(this)
  }
}

function proceed(reader: Reader): void {
  reader.proceed()
}

function goOn(reader: Reader): void {
  reader.goOn()
}
