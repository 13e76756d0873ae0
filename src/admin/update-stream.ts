import { Readable } from 'node:stream'
import type { RelayContext } from '../core/context.js'
import type { Recorder } from './recorder.js'
import type { RoomInspector, View } from './room-inspector.js'
import { Sampler } from './sampler.js'
import type { State, Update } from './updates.js'

const SECOND = 1000

/** Time between two looks at the event loop while a tab is open, in milliseconds. */
const LOOP_RESOLUTION = 20

/** What a timer may come early. */
const EARLY = 100

/** How many tabs may be open. */
const MOST = 16

/** After how many updates that a tab was too slow for it is given up. */
const PATIENCE = 30

/** A tab. */
interface Stream {
  readonly body: Readable
  readonly view: View
  /** Whether its sign-in still counts. */
  isGood(): boolean
  /** The newest sample that it has, in milliseconds since 1970. */
  has: number
  /** When it was told something last. */
  told: number
  missed: number
}

/**
 * Tells all open tabs once a second how the relay is, as server-sent events; nothing runs while there is none.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class UpdateStream {
  readonly #hub: RelayContext
  readonly #watch: RoomInspector
  readonly #recorder: Recorder
  readonly #state: () => State
  readonly #streams = new Set<Stream>()
  #sampler: Sampler | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(hub: RelayContext, watch: RoomInspector, recorder: Recorder, state: () => State) {
    this.#hub = hub
    this.#watch = watch
    this.#recorder = recorder
    this.#state = state
  }

  /** How many tabs are open. */
  get size(): number {
    return this.#streams.size
  }

  /**
   * Opens a stream of updates.
   *
   * @param has The newest sample that the tab has, in milliseconds since 1970.
   * @param isGood Asked before each update; the stream ends when it no longer is.
   * @returns Undefined if there are too many.
   */
  open(view: View, has: number, isGood: () => boolean): Readable | undefined {
    if (this.#streams.size >= MOST) return undefined
    const body = new Readable({ read() {} })
    const stream = { body, view, isGood, has, told: 0, missed: 0 }
    this.#streams.add(stream)
    body.once('close', () => this.#forget(stream))
    if (!this.#timer) {
      this.#sampler = new Sampler(this.#hub, LOOP_RESOLUTION)
      this.#look()
      this.#timer = setInterval(() => this.#tick(), SECOND).unref()
    }
    body.push('retry: 2000\n')
    this.#tell(stream, this.#common(), performance.now())
    return body
  }

  /** Ends all streams. */
  stop(): void {
    for (const stream of this.#streams) this.#end(stream)
  }

  #end(stream: Stream): void {
    stream.body.push(null)
    this.#forget(stream)
  }

  #forget(stream: Stream): void {
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#sampler?.stop()
    this.#sampler = undefined
    this.#watch.reset()
  }

  #tick(): void {
    this.#look()
    const common = this.#common(this.#sampler?.take())
    const now = performance.now()
    for (const stream of this.#streams) this.#serve(stream, common, now)
  }

  #look(): void {
    this.#watch.refresh([...this.#streams].map(({ view }) => view))
  }

  /** What all tabs are told alike. */
  #common(now?: Update['now']): Pick<Update, 'state' | 'now'> {
    return { state: this.#state(), ...(now && { now }) }
  }

  #serve(stream: Stream, common: object, now: number): void {
    const { body, isGood } = stream
    if (!isGood()) this.#end(stream)
    else if (body.readableLength > 0) {
      if (++stream.missed > PATIENCE) body.destroy()
    } else if (now - stream.told > SECOND - EARLY) this.#tell(stream, common, now)
  }

  #tell(stream: Stream, common: object, now: number): void {
    const { order, room, memberOrder } = stream.view
    const { latest } = this.#recorder
    const update = {
      ...common,
      ...(latest !== stream.has && { samples: this.#recorder.since(stream.has) }),
      rooms: this.#watch.rooms(order),
      ...(room !== undefined && { room: this.#watch.room(room, memberOrder) }),
    }
    stream.has = latest
    stream.told = now
    stream.missed = 0
    stream.body.push(`id: ${latest}\ndata: ${JSON.stringify(update)}\n\n`)
  }
}
