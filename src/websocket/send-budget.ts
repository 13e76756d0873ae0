import { copyBytes } from '../core/copies.js'

/** Memory that a buffer takes beside its bytes: two objects, and a block of its own. */
export const BUFFER_COST = 512

/** How long a slow consumer may take none of what waits for it before it is dropped, in milliseconds. */
const STALL_TIMEOUT = 30_000

/** Time between two looks for such consumers, in milliseconds. */
const SWEEP = 1000

/** What a {@link SendBudget} needs of a slow consumer. */
export interface BudgetedConsumer {
  /** When it last took something, in milliseconds of `performance.now()`. */
  readonly tookAt: number
  /** Ends it if all has been sent. */
  settle(): void
  /** Closes its connection, with a close frame. */
  drop(): void
  /** Cuts its connection at once, and releases all that waits for it. */
  cutOff(): void
}

/** Bytes that wait for any number of slow consumers. They are in memory once, and count once. */
export class SharedBytes {
  readonly bytes: Buffer
  readonly length: number
  /** How many places in queues they take. */
  holders = 0

  constructor(bytes: Buffer) {
    // A piece of a pooled buffer would keep the whole of it, and other rooms' frames.
    this.bytes = bytes.buffer.byteLength > 2 * bytes.length ? copyBytes([bytes]) : bytes
    this.length = bytes.length
  }
}

/**
 * The memory of all that waits for slow consumers. Beyond the limit, the consumers that have taken nothing for longest
 * are cut off, until the rest fits.
 */
export class SendBudget {
  readonly #limit: number
  /** The same buffer goes to all members of a room. */
  readonly #shared = new WeakMap<Buffer, SharedBytes>()
  /** In order: the consumer comes first that has taken nothing for longest. */
  readonly #consumers = new Set<BudgetedConsumer>()
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

  /** Notes that a consumer has taken some of what waits for it, or has just fallen behind. */
  progressed(consumer: BudgetedConsumer): void {
    this.#consumers.delete(consumer)
    this.#consumers.add(consumer)
    this.#sweep ??= setInterval(() => this.#look(), SWEEP).unref()
  }

  /** The consumer has caught up, or its connection is closed. */
  forget(consumer: BudgetedConsumer): void {
    this.#consumers.delete(consumer)
  }

  /** Keeps bytes for one more consumer, until they are released. */
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

  /** Counts memory that no other consumer shares. */
  charge(bytes: number): void {
    this.#total += bytes
  }

  /** Cuts consumers off until the rest fits. */
  enforce(): void {
    if (this.#limit === 0 || this.#total <= this.#limit) return
    for (const consumer of this.#consumers) {
      // It may have taken all since somebody looked.
      consumer.settle()
      if (this.#consumers.has(consumer)) consumer.cutOff()
      if (this.#total <= this.#limit) return
    }
  }

  /** What waits now, and for how many. */
  measure(): { bytes: number; connections: number } {
    for (const consumer of this.#consumers) consumer.settle()
    return { bytes: this.#total, connections: this.#consumers.size }
  }

  /** Stops the timer. */
  stop(): void {
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }

  #look(): void {
    const deadline = performance.now() - STALL_TIMEOUT
    for (const consumer of this.#consumers) {
      consumer.settle()
      if (consumer.tookAt <= deadline) consumer.drop()
    }
    if (this.#consumers.size === 0) this.stop()
  }
}
