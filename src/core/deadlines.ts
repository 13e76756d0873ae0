import { type Clock, steadyClock } from './clocks.js'

/** One entry of {@link Deadlines}: keep it to cancel. */
export interface Deadline<T> {
  readonly item: T
  readonly due: number
  /** Place in the heap; -1 once it has passed or was cancelled. */
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
   * @param expire Called once for each item when it is due. It may set and cancel deadlines.
   * @param clock By which items are due: the steady one for durations, others for dates and ages.
   */
  constructor(expire: (item: T) => void, clock: Clock = steadyClock) {
    this.#expire = expire
    this.#clock = clock
  }

  /** How many are pending. */
  get size(): number {
    return this.#heap.length
  }

  /** Has `item` expire in `delay` milliseconds. */
  set(item: T, delay: number): Deadline<T> {
    const deadline = { item, due: this.#clock.now() + delay, index: this.#heap.length }
    this.#heap.push(deadline)
    this.#rise(deadline)
    if (deadline.index === 0) this.#arm()
    return deadline
  }

  /** Does nothing if there is no deadline, or if it has passed. */
  cancel(deadline: Deadline<T> | undefined): void {
    if (!deadline || deadline.index < 0) return
    this.#remove(deadline)
    if (this.#heap.length === 0) this.#disarm()
  }

  /** Cancels all of them. */
  clear(): void {
    for (const deadline of this.#heap) deadline.index = -1
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

  #remove(deadline: Deadline<T>): void {
    const last = this.#heap.pop()
    if (last && last !== deadline) {
      last.index = deadline.index
      this.#heap[last.index] = last
      this.#rise(last)
      this.#sink(last)
    }
    deadline.index = -1
  }

  #rise(deadline: Deadline<T>): void {
    while (deadline.index > 0) {
      const parent = this.#heap[(deadline.index - 1) >> 1]
      if (!parent || parent.due <= deadline.due) return
      this.#swap(parent, deadline)
    }
  }

  #sink(deadline: Deadline<T>): void {
    for (;;) {
      const left = this.#heap[2 * deadline.index + 1]
      const right = this.#heap[2 * deadline.index + 2]
      const child = right && left && right.due < left.due ? right : left
      if (!child || child.due >= deadline.due) return
      this.#swap(deadline, child)
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
