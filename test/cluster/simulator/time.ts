import type { Random } from '../../support/random.js'

/** A machine: it has a clock of its own, may sleep, and may die. */
export interface Host {
  /** How far its wall clock is ahead, in milliseconds. */
  skew: number
  asleep: boolean
  dead: boolean
}

interface Event {
  at: number
  order: number
  host: Host | undefined
  /** Whether it comes from outside: a socket is read before timers are looked at. */
  outside: boolean
  run: () => void
}

const START = Date.UTC(2026, 0, 1)

/** How many turns of promises may follow from one event. */
const TURNS = 16

/**
 * Time that passes as fast as the events in it can be handled. While it is installed, timers and
 * clocks of the whole process are its own, so that the code under test runs as it is.
 */
export class VirtualTime {
  now = 0
  readonly #heap: Event[] = []
  /** What is to happen on machines that are asleep. */
  #slept: Event[] = []
  #order = 0
  #host: Host | undefined
  #restore: (() => void) | undefined

  install(random: Random): void {
    const real = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate }
    const { now: realNow } = performance
    const { now: realDate } = Date
    const { random: realRandom } = Math
    const timer = (run: () => void, delay: number): object => this.#timer(run, delay)
    const clear = (handle: unknown): void => cancel(handle)
    Object.assign(globalThis, {
      setTimeout: timer,
      setImmediate: (run: () => void) => timer(run, 0),
      setInterval: (run: () => void, delay: number) => this.#interval(run, delay),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    })
    Math.random = () => random.next()
    performance.now = () => this.now
    Date.now = () => START + Math.floor(this.now) + (this.#host?.skew ?? 0)
    this.#restore = () => {
      Object.assign(globalThis, real)
      performance.now = realNow
      Date.now = realDate
      Math.random = realRandom
    }
  }

  restore(): void {
    this.#restore?.()
  }

  /** Does something on a machine, now. */
  on(host: Host, run: () => void): void {
    const before = this.#host
    this.#host = host
    run()
    this.#host = before
  }

  /** Has something happen later; on a machine from outside, or with nobody. */
  after(delay: number, host: Host | undefined, run: () => void): void {
    this.#push({ at: this.now + delay, order: this.#order++, host, outside: true, run })
  }

  /** A machine wakes up, and finds all that waited: what came from outside, then its timers. */
  wake(host: Host): void {
    host.asleep = false
    const mine = this.#slept.filter((event) => event.host === host)
    this.#slept = this.#slept.filter((event) => event.host !== host)
    mine.sort((a, b) => Number(b.outside) - Number(a.outside) || a.at - b.at || a.order - b.order)
    for (const event of mine) this.#push({ ...event, at: this.now, order: this.#order++ })
  }

  /** Lets time pass. */
  async run(until: number): Promise<void> {
    for (;;) {
      const [next] = this.#heap
      if (!next || next.at > until) break
      this.#pop()
      this.now = Math.max(this.now, next.at)
      if (next.host?.dead) continue
      if (next.host?.asleep) {
        this.#slept.push(next)
        continue
      }
      this.#host = next.host
      next.run()
      for (let turn = 0; turn < TURNS; turn++) await undefined
      this.#host = undefined
    }
    this.now = until
  }

  #timer(run: () => void, delay: number): object {
    const handle = {
      cancelled: false,
      unref: () => handle,
      ref: () => handle,
    }
    const event = () => {
      if (!handle.cancelled) run()
    }
    this.#push({ at: this.now + delay, order: this.#order++, host: this.#host, outside: false, run: event })
    return handle
  }

  #interval(run: () => void, delay: number): object {
    const handle = { cancelled: false, unref: () => handle, ref: () => handle }
    const again = (): void => {
      if (handle.cancelled) return
      run()
      this.#timer(again, delay)
    }
    this.#timer(again, delay)
    return handle
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (!above || !before(event, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const [l, r] = [heap[left], heap[left + 1]]
      const [child, place] = r && l && before(r, l) ? [r, left + 1] : [l, left]
      if (!child || !before(child, last)) break
      heap[at] = child
      at = place
    }
    heap[at] = last
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function cancel(handle: unknown): void {
  if (typeof handle === 'object' && handle !== null) Object.assign(handle, { cancelled: true })
}
