import { type CloseReason, closes } from '../core/close-reasons.js'
import { Deadlines } from '../core/deadlines.js'
import { Generations } from '../core/generations.js'

/** A connection that is to be closed for a refusal. */
export interface RefusedConnection {
  /** Milliseconds for which it is open by now. */
  readonly age: number
  /** The address by which refusals are counted: IPv6 by its /64. */
  readonly network: string
  /** Sends the close. */
  closeNow(): void
}

/** Closes that are no refusal, and so do not wait. */
const prompt: ReadonlySet<CloseReason> = new Set<CloseReason>([
  closes.roomExpired,
  closes.shutdown,
  closes.isolated,
  closes.tooSlow,
  closes.roomClosed,
  closes.disconnected,
])

/**
 * Closes for a frame or message that cannot be taken. RFC 6455 section 7.1.7 wants such an end at once, and it is
 * a mistake in a program more often than a client that spins: the first few of an address do not wait.
 */
const faults: ReadonlySet<CloseReason> = new Set<CloseReason>([closes.protocolError, closes.notUtf8, closes.tooBig])

/** With every so many refusals of an address the wait grows by the first delay. */
const STEP = 10

/** The longest wait, in first delays. */
const MAX_STEPS = 10

/** Connections that wait at once; beyond it the oldest is closed early. */
const MAX_WAITING = 1000

/** How long a refusal counts at least, and twice that at most; in milliseconds. */
const MEMORY = 60_000

/** Addresses that are remembered in each generation. */
const MAX_ADDRESSES = 50_000

/**
 * Delays closes that refuse something. A client that is let in and closed again counts that as a success, so its
 * back-off never grows: `y-webrtc` comes back 80 times a second. Such a close comes a second after the connection was
 * opened, and later when there are many of one address.
 */
export class RefusalDelays {
  /** In milliseconds; 0 when nothing waits any more. */
  #delay: number
  /** Connections that wait for their close, the oldest first. */
  readonly #waiting = new Set<RefusedConnection>()
  readonly #alarms = new Deadlines<RefusedConnection>((refused) => this.#close(refused))
  /** How many there were lately, by address. */
  readonly #counts = new Generations<number>(MEMORY, MAX_ADDRESSES)

  /** @param delay Of the first refusals of an address, in milliseconds; 0 means that none waits. */
  constructor(delay: number) {
    this.#delay = delay
  }

  /** Whether a connection has to wait for its close; then {@link RefusedConnection.closeNow} is called in time. */
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
    this.#alarms.set(refused, wait)
    const [oldest] = this.#waiting
    if (oldest && this.#waiting.size > MAX_WAITING) this.#close(oldest)
    return true
  }

  /** The connection is gone. */
  forget(refused: RefusedConnection): void {
    this.#waiting.delete(refused)
  }

  /** Closes all that wait, and delays nothing any more. */
  stop(): void {
    this.#delay = 0
    for (const refused of [...this.#waiting]) this.#close(refused)
    this.#alarms.clear()
    this.#counts.clear()
  }

  /** How many wait, and how many addresses are remembered. */
  measure(): { waiting: number; addresses: number } {
    return { waiting: this.#waiting.size, addresses: this.#counts.size }
  }

  #close(refused: RefusedConnection): void {
    // Its alarm may ring when it is gone already.
    if (this.#waiting.delete(refused)) refused.closeNow()
  }
}
