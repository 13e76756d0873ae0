import { type Clock, steadyClock } from './clocks.js'

/** One entry of {@link Deadlines}: keep it to cancel. */
export interface Deadline<T> {
  readonly item: T
  readonly due: number
  /** Place in the heap; -1 once it rang or was cancelled. */
  index: number
}

/** Many deadlines behind a single timer: a binary heap, ordered by the time at which they are due. */
export class Deadlines<T> {
  readonly #expire: (item: T) => void
  readonly #clock: Clock
  readonly #heap: Deadline<T>[] = []
  #timer: NodeJS.Timeout | undefined
  #armed = Number.POSITIVE_INFINITY

  /**
   * @param ring Called once for each item when it is due. It may set and cancel alarms.
   * @param clock By which items are due: the steady one for durations, others for dates and ages.
   */
  constructor(ring: (item: T) => void, clock: Clock = steadyClock) {
    this.#expire = ring
    this.#clock = clock
  }

  /** How many are pending. */
  get size(): number {
    return this.#heap.length
  }

  /** Rings for `item` in `delay` milliseconds. */
  set(item: T, delay: number): Deadline<T> {
    const alarm = { item, due: this.#clock.now() + delay, index: this.#heap.length }
    this.#heap.push(alarm)
    this.#rise(alarm)
    if (alarm.index === 0) this.#arm()
    return alarm
  }

  /** Takes an alarm back. Does nothing if there is none or it rang already. */
  cancel(alarm: Deadline<T> | undefined): void {
    if (!alarm || alarm.index < 0) return
    this.#remove(alarm)
    if (this.#heap.length === 0) this.#disarm()
  }

  /** Takes all of them back. */
  clear(): void {
    for (const alarm of this.#heap) alarm.index = -1
    this.#heap.length = 0
    this.#disarm()
  }

  #arm(): void {
    const next = this.#heap[0]
    if (!next || next.due >= this.#armed) return
    this.#disarm()
    this.#armed = next.due
    // Timers fire up to a millisecond early against performance.now().
    const delay = Math.max(1, Math.ceil(next.due - this.#clock.now()))
    this.#timer = setTimeout(() => this.#fire(), Math.min(delay, this.#clock.longest))
  }

  #disarm(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#armed = Number.POSITIVE_INFINITY
  }

  #fire(): void {
    this.#armed = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    for (let next = this.#heap[0]; next && next.due <= now; next = this.#heap[0]) {
      this.#remove(next)
      this.#expire(next.item)
    }
    this.#arm()
  }

  #remove(alarm: Deadline<T>): void {
    const last = this.#heap.pop()
    if (last && last !== alarm) {
      last.index = alarm.index
      this.#heap[last.index] = last
      this.#rise(last)
      this.#sink(last)
    }
    alarm.index = -1
  }

  #rise(alarm: Deadline<T>): void {
    while (alarm.index > 0) {
      const parent = this.#heap[(alarm.index - 1) >> 1]
      if (!parent || parent.due <= alarm.due) return
      this.#swap(parent, alarm)
    }
  }

  #sink(alarm: Deadline<T>): void {
    for (;;) {
      const left = this.#heap[2 * alarm.index + 1]
      const right = this.#heap[2 * alarm.index + 2]
      const child = right && left && right.due < left.due ? right : left
      if (!child || child.due >= alarm.due) return
      this.#swap(alarm, child)
    }
  }

  #swap(parent: Deadline<T>, child: Deadline<T>): void {
    const above = parent.index
    parent.index = child.index
    child.index = above
    this.#heap[parent.index] = parent
    this.#heap[child.index] = child
  }
}
