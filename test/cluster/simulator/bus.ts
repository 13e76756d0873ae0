import type { Backplane, BackplaneEvents, Outage } from '../../../src/cluster/backplane.js'
import type { Random } from '../../support/random.js'
import type { Host, VirtualTime } from './time.js'

/** How the bus treats what it carries. */
export interface BusModel {
  /** Whether all channels of a node keep their order among each other, and publishers learn how many listen: Redis. */
  readonly fifo: boolean
  /** How many frames in a thousand are delivered twice. */
  readonly duplicates: number
}

/** The slowest frame, in milliseconds, without faults. */
const MAX_LATENCY = 3

/** How long a new connection takes, in milliseconds. */
const RECONNECT = [50, 1200] as const

/** A broker with latency, that may lose connections or be down itself. */
export class SimulatedBus {
  readonly time: VirtualTime
  readonly random: Random
  readonly model: BusModel
  readonly lines = new Set<Line>()
  /** Whether it is there at all. */
  down = false

  constructor(time: VirtualTime, random: Random, model: BusModel) {
    this.time = time
    this.random = random
    this.model = model
  }

  connect(host: Host): Line {
    const line = new Line(this, host)
    this.lines.add(line)
    return line
  }

  /** All connections break, and new ones are refused for so long. */
  restart(duration: number): void {
    this.down = true
    for (const line of this.lines) line.cut('refused')
    this.time.after(duration, undefined, () => {
      this.down = false
    })
  }

  /** A frame has reached the broker. Returns how many it is sent to. */
  spread(channel: string, frame: Buffer): number {
    let receivers = 0
    for (const line of this.lines) {
      if (!line.listensTo(channel)) continue
      receivers++
      line.deliver(channel, frame)
      if (this.random.chance(this.model.duplicates / 1000)) line.deliver(channel, frame)
    }
    return receivers
  }

  latency(): number {
    return this.random.between(0.05, MAX_LATENCY)
  }
}

/** A node's connection to the broker. */
export class Line implements Backplane {
  /** Whether frames vanish on their way, in both directions, without a word. */
  hole = false
  readonly #bus: SimulatedBus
  readonly #host: Host
  readonly #wanted = new Set<string>()
  /** What the broker knows of. */
  readonly #subscribed = new Set<string>()
  #waiting: { channel: string; resolve: () => void }[] = []
  #events: BackplaneEvents | undefined
  #connected = false
  /** Grows with each connection: what was under way on an older one is lost. */
  #generation = 0
  /** When the last frame left or arrived, for each queue that keeps its order. */
  readonly #queues = new Map<string, number>()

  constructor(bus: SimulatedBus, host: Host) {
    this.#bus = bus
    this.#host = host
  }

  start(events: BackplaneEvents): void {
    this.#events = events
    this.#reconnect()
  }

  async publish(channel: string, frame: Buffer): Promise<number | undefined> {
    if (!this.#connected) return undefined
    return await new Promise((resolve) => {
      this.#travel(`up ${channel}`, undefined, () => {
        const receivers = this.#bus.spread(channel, frame)
        const known = this.#bus.model.fifo ? receivers : undefined
        this.#travel('down', this.#host, () => resolve(known))
      })
    })
  }

  async subscribe(channel: string): Promise<void> {
    this.#wanted.add(channel)
    await new Promise<void>((resolve) => {
      this.#waiting.push({ channel, resolve })
      if (this.#connected) this.#claim(channel)
    })
  }

  unsubscribe(channel: string): void {
    this.#wanted.delete(channel)
    this.#travel('up', undefined, () => {
      if (!this.#wanted.has(channel)) this.#subscribed.delete(channel)
    })
  }

  reset(): void {
    this.cut('silent')
  }

  async stop(): Promise<void> {
    this.#events = undefined
    this.#bus.lines.delete(this)
  }

  listensTo(channel: string): boolean {
    return this.#subscribed.has(channel)
  }

  /** The broker sends a frame. */
  deliver(channel: string, frame: Buffer): void {
    this.#travel(`down ${channel}`, this.#host, () => {
      if (this.#wanted.has(channel)) this.#events?.message(channel, Buffer.from(frame))
    })
  }

  /** The connection breaks. */
  cut(outage: Outage): void {
    this.#generation++
    this.#connected = false
    this.#subscribed.clear()
    this.#queues.clear()
    this.#bus.time.after(0, this.#host, () => {
      if (!this.#connected) this.#events?.down(outage, 'simulated')
    })
    this.#reconnect()
  }

  #reconnect(): void {
    const generation = this.#generation
    const [from, to] = RECONNECT
    this.#bus.time.after(this.#bus.random.between(from, to), this.#host, () => {
      if (generation !== this.#generation || !this.#events) return
      if (this.#bus.down || this.hole) {
        this.#events.down(this.#bus.down ? 'refused' : 'silent', 'simulated')
        this.#reconnect()
        return
      }
      this.#connected = true
      for (const channel of this.#wanted) this.#subscribed.add(channel)
      for (const { resolve } of this.#waiting.splice(0)) resolve()
      this.#events.up()
    })
  }

  #claim(channel: string): void {
    this.#travel('up', undefined, () => {
      if (this.#wanted.has(channel)) this.#subscribed.add(channel)
      this.#travel('down', this.#host, () => {
        const [mine, others] = [
          this.#waiting.filter((each) => each.channel === channel),
          this.#waiting.filter((each) => each.channel !== channel),
        ]
        this.#waiting = others
        for (const { resolve } of mine) resolve()
      })
    })
  }

  /** Has something arrive after its time on the way, in order within its queue, unless the connection breaks. */
  #travel(queue: string, host: Host | undefined, arrive: () => void): void {
    const { time, model } = this.#bus
    const generation = this.#generation
    const key = model.fifo ? (queue.split(' ')[0] ?? '') : queue
    const at = Math.max(this.#queues.get(key) ?? 0, time.now + this.#bus.latency())
    this.#queues.set(key, at)
    const lost = this.hole
    time.after(at - time.now, host, () => {
      if (generation === this.#generation && !lost && !this.hole) arrive()
    })
  }
}
