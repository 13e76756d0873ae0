import type { Outage } from './backplane.js'
import type { ClusterCounters } from './counters.js'
import type { ClusterObserver } from './observer.js'

const OUTAGES = { silent: 'does not answer', refused: 'is down', denied: 'does not let this node in' } as const

/** Whether the backplane can be reached, and since when it cannot. */
export class BackplaneStatus {
  readonly #counters: ClusterCounters
  readonly #observer: ClusterObserver
  #outage: Outage | undefined = 'silent'
  #since = 0
  /** Whether the outage was reported. */
  #reported = false

  constructor(counters: ClusterCounters, observer: ClusterObserver) {
    this.#counters = counters
    this.#observer = observer
  }

  /** Why it cannot be reached; undefined if it can. */
  get outage(): Outage | undefined {
    return this.#outage
  }

  /** What is wrong in one sentence; undefined if nothing is. */
  get healthIssue(): string | undefined {
    return this.#outage && `The other nodes cannot be reached: the backplane ${OUTAGES[this.#outage]}.`
  }

  /** Nothing is known yet, or any more. */
  reset(now: number): void {
    this.#outage = 'silent'
    this.#since = now
    this.#reported = false
  }

  up(now: number): void {
    if (this.#reported) this.#observer.restored(now - this.#since)
    this.#outage = undefined
    this.#reported = false
  }

  down(outage: Outage, why: string, now: number): void {
    if (this.#outage === undefined) {
      this.#since = now
      this.#counters.outages++
    }
    this.#outage = outage
    if (this.#reported) return
    this.#reported = true
    this.#observer.cutOff(why)
  }
}
