import { Readable } from 'node:stream'
import type { RelayContext } from '../core/context.js'
import type { Recorder } from './recorder.js'
import type { RoomInspector, View } from './room-inspector.js'
import { Sampler } from './sampler.js'
import type { State, Update } from './updates.js'

const SECOND = 1000

/** Time between two looks at the event loop while a dashboard is open, in milliseconds. */
const LOOP_RESOLUTION = 20

/** By how many milliseconds a timer may be early. */
const EARLY = 100

/** How many streams may be open. */
const MAX_STREAMS = 16

/** How many updates in a row a slow browser may miss before its stream is closed. */
const MAX_MISSED = 30

/** An open dashboard: one tab of a browser. */
interface Stream {
  readonly body: Readable
  readonly view: View
  /** Whether its sign-in still counts. */
  isGood(): boolean
  /** The time of its newest sample, in milliseconds since 1970. */
  latest: number
  /** When its last update was sent. */
  sent: number
  /** Updates in a row that were not sent because it is slow. */
  missed: number
}

/**
 * Sends the state of the relay to all open dashboards once a second, as server-sent events. No timer runs while none is
 * open.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class UpdateStream {
  readonly #context: RelayContext
  readonly #inspector: RoomInspector
  readonly #recorder: Recorder
  readonly #state: () => State
  readonly #streams = new Set<Stream>()
  #sampler: Sampler | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(context: RelayContext, inspector: RoomInspector, recorder: Recorder, state: () => State) {
    this.#context = context
    this.#inspector = inspector
    this.#recorder = recorder
    this.#state = state
  }

  /** How many streams are open. */
  get size(): number {
    return this.#streams.size
  }

  /**
   * Opens a stream of updates.
   *
   * @param latest The time of the newest sample that the browser has, in milliseconds since 1970.
   * @param isGood Asked before each update. The stream ends when it says no.
   * @returns Undefined if there are too many.
   */
  open(view: View, latest: number, isGood: () => boolean): Readable | undefined {
    if (this.#streams.size >= MAX_STREAMS) return undefined
    const body = new Readable({ read() {} })
    const stream = { body, view, isGood, latest, sent: 0, missed: 0 }
    this.#streams.add(stream)
    body.once('close', () => this.#forget(stream))
    if (!this.#timer) {
      this.#sampler = new Sampler(this.#context, LOOP_RESOLUTION)
      this.#refresh()
      this.#timer = setInterval(() => this.#tick(), SECOND).unref()
    }
    body.push('retry: 2000\n')
    this.#send(stream, this.#common(), performance.now())
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
    this.#inspector.reset()
  }

  #tick(): void {
    this.#refresh()
    const common = this.#common(this.#sampler?.take())
    const now = performance.now()
    for (const stream of this.#streams) this.#serve(stream, common, now)
  }

  #refresh(): void {
    this.#inspector.refresh([...this.#streams].map(({ view }) => view))
  }

  /** The part of an update that is the same for all. */
  #common(now?: Update['now']): Pick<Update, 'state' | 'now'> {
    return { state: this.#state(), ...(now && { now }) }
  }

  #serve(stream: Stream, common: object, now: number): void {
    const { body, isGood } = stream
    if (!isGood()) this.#end(stream)
    else if (body.readableLength > 0) {
      if (++stream.missed > MAX_MISSED) body.destroy()
    } else if (now - stream.sent > SECOND - EARLY) this.#send(stream, common, now)
  }

  #send(stream: Stream, common: object, now: number): void {
    const { order, room, memberOrder } = stream.view
    const { latest } = this.#recorder
    const update = {
      ...common,
      ...(latest !== stream.latest && { samples: this.#recorder.since(stream.latest) }),
      rooms: this.#inspector.rooms(order),
      ...(room !== undefined && { room: this.#inspector.room(room, memberOrder) }),
    }
    stream.latest = latest
    stream.sent = now
    stream.missed = 0
    stream.body.push(`id: ${latest}\ndata: ${JSON.stringify(update)}\n\n`)
  }
}
