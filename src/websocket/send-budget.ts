import { ownBytes } from '../core/own.js'
import type { SlowConsumer } from './slow-consumer.js'

/** Memory that a buffer takes beside its bytes: two objects, and a block of its own. */
export const BUFFER_COST = 512

/** How long a reader with unsent bytes may take none of them before it is dropped, in milliseconds. */
const STALL_TIMEOUT = 30_000

/** Time between two looks for such readers, in milliseconds. */
const SWEEP = 1000

/** Bytes for which any number of slow readers wait. They are in memory once, and count once. */
export class SharedBytes {
  readonly bytes: Buffer
  readonly length: number
  /** How many places in queues they take. */
  holders = 0

  constructor(bytes: Buffer) {
    // A piece of a pooled buffer would keep the whole of it, and other rooms' frames.
    this.bytes = bytes.buffer.byteLength > 2 * bytes.length ? ownBytes([bytes]) : bytes
    this.length = bytes.length
  }
}

/**
 * The memory that waits for all slow readers together. Beyond the limit, the readers that have taken nothing for
 * longest are cut off, until the rest fits.
 */
export class SendBudget {
  readonly #limit: number
  /** The same buffer goes to all members of a room. */
  readonly #shared = new WeakMap<Buffer, SharedBytes>()
  /** In order: first the reader that has taken nothing for longest. */
  readonly #readers = new Set<SlowConsumer>()
  #total = 0
  #sweep: NodeJS.Timeout | undefined

  /** @param limit In bytes; 0 means none. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Whether half of the memory is in use. */
  get tight(): boolean {
    return this.#limit > 0 && this.#total > this.#limit / 2
  }

  /** Notes that a reader has taken some of what waits for it, or has only just fallen behind. */
  progressed(reader: SlowConsumer): void {
    this.#readers.delete(reader)
    this.#readers.add(reader)
    this.#sweep ??= setInterval(() => this.#look(), SWEEP).unref()
  }

  /** The reader has caught up, or is gone. */
  forget(reader: SlowConsumer): void {
    this.#readers.delete(reader)
  }

  /** Keeps bytes for one more reader, until they are released. */
  hold(bytes: Buffer): SharedBytes {
    let shared = this.#shared.get(bytes)
    if (!shared) {
      shared = new SharedBytes(bytes)
      this.#shared.set(bytes, shared)
    }
    if (shared.holders++ === 0) this.#total += shared.length + BUFFER_COST
    return shared
  }

  release(shared: SharedBytes): void {
    if (--shared.holders === 0) this.#total -= shared.length + BUFFER_COST
  }

  /** Counts memory that one reader has for itself. */
  charge(bytes: number): void {
    this.#total += bytes
  }

  /** Cuts readers off until the rest fits. */
  enforce(): void {
    if (this.#limit === 0 || this.#total <= this.#limit) return
    for (const reader of this.#readers) {
      // It may have taken all since somebody looked.
      reader.settle()
      if (this.#readers.has(reader)) reader.cutOff()
      if (this.#total <= this.#limit) return
    }
  }

  /** What waits now, and for how many. */
  measure(): { bytes: number; connections: number } {
    for (const reader of this.#readers) reader.settle()
    return { bytes: this.#total, connections: this.#readers.size }
  }

  /** Lets go of the timer. */
  stop(): void {
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }

  #look(): void {
    const deadline = performance.now() - STALL_TIMEOUT
    for (const reader of this.#readers) {
      reader.settle()
      if (reader.tookAt <= deadline) reader.drop()
    }
    if (this.#readers.size === 0) this.stop()
  }
}
