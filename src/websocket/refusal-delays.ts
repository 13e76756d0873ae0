import { type CloseReason, closes } from '../core/close-reasons.js'
import { Deadlines } from '../core/deadlines.js'
import { Generations } from '../core/generations.js'

/** A connection that is closed because it was refused something. */
export interface RefusedConnection {
  /** Milliseconds for which it is open by now. */
  readonly age: number
  /** The address by which refusals are counted: IPv6 by its /64. */
  readonly network: string
  /** Sends the close frame. */
  closeNow(): void
}

/** Reasons that refuse nothing: these closes do not wait. */
const prompt: ReadonlySet<CloseReason> = new Set<CloseReason>([
  closes.roomExpired,
  closes.shutdown,
  closes.isolated,
  closes.tooSlow,
  closes.roomClosed,
  closes.disconnected,
])

/**
 * Reasons that refuse a frame or a message. RFC 6455 section 7.1.7 wants such a close at once. Most of these clients
 * have a mistake in their program, and few of them come back again and again: the first few closes of an address do not
 * wait.
 */
const faults: ReadonlySet<CloseReason> = new Set<CloseReason>([closes.protocolError, closes.notUtf8, closes.tooBig])

/** After every so many refusals of an address the wait grows by the first delay. */
const STEP = 10

/** The longest wait, in first delays. */
const MAX_STEPS = 10

/** Connections that may wait at the same time. If there are more, the oldest is closed early. */
const MAX_WAITING = 1000

/** How long a refusal counts at least, and twice that at most; in milliseconds. */
const MEMORY = 60_000

/** Addresses that are remembered in each generation. */
const MAX_ADDRESSES = 50_000

/**
 * Delays closes that refuse something. A client whose connection opens counts that as a success, even if it is closed
 * again. So its back-off never grows, and `y-webrtc` connects again 80 times a second. Such a close comes a second after
 * the connection was opened, and later when one address has many of them.
 */
export class RefusalDelays {
  /** In milliseconds; 0 when nothing waits any more. */
  #delay: number
  /** Connections that wait for their close, the oldest first. */
  readonly #waiting = new Set<RefusedConnection>()
  readonly #deadlines = new Deadlines<RefusedConnection>((refused) => this.#close(refused))
  /** How many refusals there were lately, by address. */
  readonly #counts = new Generations<number>(MEMORY, MAX_ADDRESSES)

  /** @param delay Of the first refusals of an address, in milliseconds; 0 means that none waits. */
  constructor(delay: number) {
    this.#delay = delay
  }

  /** Whether a connection has to wait for its close. If so, {@link RefusedConnection.closeNow} is called later. */
  delay(refused: RefusedConnection, reason: CloseReason): boolean {
    if (this.#delay === 0 || prompt.has(reason)) return false
    const { network } = refused
    const young = (this.#counts.young(network) ?? 0) + 1
    const count = young + (this.#counts.old(network) ?? 0)
    const wait = this.#delay * Math.min(MAX_STEPS, Math.ceil(count / STEP)) - refused.age
    if (wait <= 0) return false
    this.#counts.set(network, young)
    if (count <= STEP && faults.has(reason)) return false
    this.#waiting.add(refused)
    this.#deadlines.set(refused, wait)
    const [oldest] = this.#waiting
    if (oldest && this.#waiting.size > MAX_WAITING) this.#close(oldest)
    return true
  }

  /** The connection is closed. */
  forget(refused: RefusedConnection): void {
    this.#waiting.delete(refused)
  }

  /** Closes all that wait, and delays nothing any more. */
  stop(): void {
    this.#delay = 0
    for (const refused of [...this.#waiting]) this.#close(refused)
    this.#deadlines.clear()
    this.#counts.clear()
  }

  /** How many wait, and how many addresses are remembered. */
  measure(): { waiting: number; addresses: number } {
    return { waiting: this.#waiting.size, addresses: this.#counts.size }
  }

  #close(refused: RefusedConnection): void {
    // Its deadline may expire after the connection has closed.
    if (this.#waiting.delete(refused)) refused.closeNow()
  }
}
