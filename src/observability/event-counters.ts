import { type Denial, denials } from '../core/authority.js'
import type { ClientConnection } from '../core/client-connection.js'
import { closes } from '../core/close-reasons.js'
import type { LimitName, Observer } from '../core/observer.js'
import { limitMessages } from './event-log.js'

/** How often each thing of a few happened, whatever clients do. */
export type Counts = ReadonlyMap<string, number>

/** Close codes that a connection may end with: RFC 6455 section 7.4.1 and its registry at IANA. */
const REGISTERED = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
const OWN = Object.values(closes).map(({ code }) => code)
const OTHER = 'other'

/** Statuses with which a handshake is refused everywhere; others are added as they come. */
const STATUSES = [400, 405, 426, 503]

/** What a connection speaks that has not said it yet. */
const UNDECIDED = 'undecided'

/** Counts for the metrics what happens beside the relaying of messages. */
export class EventCounters implements Partial<Observer> {
  readonly #closes = zeros([...REGISTERED, ...OWN, OTHER])
  readonly #limits = zeros(Object.keys(limitMessages))
  readonly #handshakes = zeros([...STATUSES, 'tls'])
  readonly #denials = zeros(denials)
  readonly #refusals: Map<string, number>
  #faults = 0

  /** @param dialects The names of those that are served. */
  constructor(dialects: readonly string[]) {
    this.#refusals = zeros([...dialects, UNDECIDED])
  }

  /** Connections that ended, by close code; `other` for those that applications make up. */
  get closes(): Counts {
    return this.#closes
  }

  /** Limits that were hit. */
  get limits(): Counts {
    return this.#limits
  }

  /** Handshakes that failed, by HTTP status or `tls`. */
  get handshakes(): Counts {
    return this.#handshakes
  }

  /** Messages that their dialect refused, by dialect. */
  get refusals(): Counts {
    return this.#refusals
  }

  /** Things that were denied to somebody, by reason. */
  get denials(): Counts {
    return this.#denials
  }

  /** Faults in a dialect or a hook. */
  get faults(): number {
    return this.#faults
  }

  closed(_session: ClientConnection, code: number): void {
    add(this.#closes, this.#closes.has(String(code)) ? String(code) : OTHER)
  }

  limited(limit: LimitName): void {
    add(this.#limits, limit)
  }

  handshakeFailed(reason: number | 'tls'): void {
    add(this.#handshakes, String(reason))
  }

  denied(why: Denial): void {
    add(this.#denials, why)
  }

  refused({ kind }: ClientConnection): void {
    add(this.#refusals, kind?.name ?? UNDECIDED)
  }

  failed(): void {
    this.#faults++
  }
}

function zeros(keys: readonly (string | number)[]): Map<string, number> {
  return new Map(keys.map((key) => [String(key), 0]))
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
