import type { Backplane, BackplaneEvents } from './backplane.js'

/**
 * A backplane within one process: for tests, and for relays that share a process.
 *
 * @example
 * ```ts
 * const bus = new MemoryBus()
 * const relays = [new Relay({ backplane: bus.connect() }), new Relay({ backplane: bus.connect() })]
 * ```
 */
export class MemoryBus {
  readonly #listeners = new Map<string, Set<MemoryBackplane>>()

  /** A node's connection to it. */
  connect(): Backplane {
    return new MemoryBackplane(this)
  }

  /** Called by its connections alone. */
  publish(channel: string, frame: Buffer): number {
    const listeners = this.#listeners.get(channel) ?? []
    let receivers = 0
    for (const listener of listeners) {
      receivers++
      // Nobody may see a change that another makes in it later.
      const copy = Buffer.from(frame)
      setImmediate(() => listener.receive(channel, copy))
    }
    return receivers
  }

  /** Called by its connections alone. */
  subscribe(channel: string, listener: MemoryBackplane): void {
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
  }

  /** Called by its connections alone. */
  unsubscribe(channel: string, listener: MemoryBackplane): void {
    const listeners = this.#listeners.get(channel)
    listeners?.delete(listener)
    if (listeners?.size === 0) this.#listeners.delete(channel)
  }
}

class MemoryBackplane implements Backplane {
  readonly #bus: MemoryBus
  readonly #channels = new Set<string>()
  #events: BackplaneEvents | undefined
  /** Calls `up` in the next turn. */
  #goUp: NodeJS.Immediate | undefined

  constructor(bus: MemoryBus) {
    this.#bus = bus
  }

  start(events: BackplaneEvents): void {
    this.#events = events
    this.#goUp = setImmediate(() => events.up())
  }

  async publish(channel: string, frame: Buffer): Promise<number | undefined> {
    return this.#events && this.#bus.publish(channel, frame)
  }

  async subscribe(channel: string): Promise<void> {
    this.#channels.add(channel)
    this.#bus.subscribe(channel, this)
  }

  unsubscribe(channel: string): void {
    this.#channels.delete(channel)
    this.#bus.unsubscribe(channel, this)
  }

  /** Called by the bus. */
  receive(channel: string, frame: Buffer): void {
    if (this.#channels.has(channel)) this.#events?.message(channel, frame)
  }

  reset(): void {
    const events = this.#events
    if (!events) return
    events.down('silent', 'Connection reset')
    clearImmediate(this.#goUp)
    this.#goUp = setImmediate(() => events.up())
  }

  async stop(): Promise<void> {
    this.#events = undefined
    clearImmediate(this.#goUp)
    for (const channel of [...this.#channels]) this.unsubscribe(channel)
  }
}
