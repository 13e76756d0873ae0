import type { ClientConnection } from './client-connection.js'
import type { RelayContext } from './context.js'
import { FloodGuard } from './flood-guard.js'
import { RateLimiter } from './rate-limiter.js'
import type { Transport } from './transport.js'
import { TURN } from './work-cost.js'

/** Milliseconds over which `throttle` and `byteRate` are counted. */
const SECOND = 1000

/** New tokens that a connection may bring in {@link RENEWAL_WINDOW} milliseconds: to check one costs as much as relaying hundreds of messages. */
const MAX_RENEWALS = 10
const RENEWAL_WINDOW = 10_000

/** The session whose client this is about. */
interface Owner extends ClientConnection {
  readonly context: RelayContext
  readonly transport: Transport
}

/** How much a client may send and cause. What is over the limits is refused, or slows the client down. */
export class SenderLimits {
  readonly #owner: Owner
  readonly #bytes: RateLimiter | undefined
  /** One of these two counts messages. */
  #messages: RateLimiter | undefined
  #guard: FloodGuard | undefined
  #pings: RateLimiter | undefined
  #renewals: RateLimiter | undefined
  /** Work that the client has caused since it was the turn of others (see `work-cost.ts`). */
  #work = 0

  constructor(owner: Owner) {
    this.#owner = owner
    const { byteRate } = owner.context.limits
    if (byteRate > 0) this.#bytes = new RateLimiter(byteRate, SECOND)
  }

  /**
   * A conversation begins.
   *
   * @param refuses Whether it answers messages over the rate limit. If not, these slow the sender down.
   */
  begin(refuses: boolean): void {
    const { stalls, limits } = this.#owner.context
    if (refuses) {
      this.#messages = undefined
      if (limits.rateLimit === 0) return
      this.#guard = new FloodGuard(limits.rateLimit, limits.rateLimitWindow, stalls)
      stalls.watch()
    } else if (limits.throttle > 0) this.#messages = new RateLimiter(limits.throttle, SECOND)
  }

  /** The session is over. */
  end(): void {
    if (this.#guard) this.#owner.context.stalls.unwatch()
  }

  /** What to do with a message of so many bytes. It slows the sender down if need be. */
  judge(length: number): 'pass' | 'refuse' | 'flood' {
    const now = performance.now()
    if (this.#bytes) this.#slowDown('bytes', this.#bytes.charge(length, now))
    if (this.#messages) this.#slowDown('throttle', this.#messages.charge(1, now))
    const verdict = this.#guard?.judge(now) ?? 'pass'
    if (verdict === 'pass') return verdict
    this.#owner.context.counters.rateLimitsHit++
    this.#owner.context.observer.limited(verdict === 'flood' ? 'flood' : 'rate', this.#owner)
    return verdict
  }

  /** The client pinged, or answered a ping: so many are fine, and more slow it down, whatever the dialect. */
  pinged(): void {
    this.#pings ??= new RateLimiter(this.#owner.context.limits.throttle, SECOND)
    this.#slowDown('throttle', this.#pings.charge(1, performance.now()))
  }

  /** The client brings a new token. */
  renewed(): void {
    this.#renewals ??= new RateLimiter(MAX_RENEWALS, RENEWAL_WINDOW)
    this.#slowDown('throttle', this.#renewals.charge(1, performance.now()))
  }

  /** The relay did not read the client for so many milliseconds until now. */
  delayed(milliseconds: number): void {
    this.#guard?.delayed(milliseconds, performance.now())
  }

  /**
   * Charges this connection for work that it causes, as if it had sent so many messages. `Session.chargeClient` charges
   * the client, over all its connections.
   */
  charge(messages: number): void {
    this.#work += messages
    if (this.#work >= TURN) {
      this.#work = 0
      this.#owner.transport.pause(1)
    }
    if (this.#messages) this.#slowDown('throttle', this.#messages.charge(messages, performance.now()))
  }

  /** Reads nothing more from the client for so long, if it has to wait at all. */
  #slowDown(limit: 'bytes' | 'throttle', milliseconds: number): void {
    if (milliseconds <= 0) return
    this.#owner.context.observer.limited(limit, this.#owner)
    this.#owner.transport.pause(milliseconds)
  }
}
