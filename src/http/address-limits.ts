import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { CountLimiter } from '../core/count-limiter.js'
import { KeyedRateLimiter } from '../core/keyed-rate-limiter.js'
import type { Observer } from '../core/observer.js'
import { networkOf } from '../ip/address.js'
import type { Settings } from '../options/index.js'
import { AccessList } from './access-list.js'
import { ClientAddresses, directAddress } from './client-address.js'
import { pathOf, targetOf } from './request.js'
import { HANG_UP, type TextResponse, textResponse } from './response.js'

const MINUTE = 60_000

/** TCP connections that an address may have, or open in a minute, beside its WebSockets: for pages and for refusals. */
const SPARE_PER_ADDRESS = 16

/** The addresses of programs on this machine. The rest of 127.0.0.0/8 is only used on purpose. */
const LOCAL = ['127.0.0.1', '::1']

/** How long a client with too many connections should wait, in seconds. */
const RETRY_AFTER = 10

const NOT_ALLOWED = textResponse(403, 'Not allowed from this network', HANG_UP)

/** Decides by its address whether a client may connect, and how often. */
export class AddressLimits {
  readonly #limited: Observer['limited']
  readonly #addresses: ClientAddresses
  readonly #access: AccessList
  /** Whether anything is limited by address. */
  readonly #limits: boolean
  readonly #webSockets: CountLimiter
  readonly #handshakes: KeyedRateLimiter
  readonly #sockets: CountLimiter
  readonly #arrivals: KeyedRateLimiter
  /** Addresses of clients behind a proxy. Those of the others are asked of their sockets. */
  readonly #resolved = new WeakMap<Socket, string>()

  constructor(settings: Settings, observer: Pick<Observer, 'limited'>) {
    const { maxConnectionsPerIp: most, connectionRatePerIp: rate } = settings
    this.#limited = (...what) => observer.limited(...what)
    this.#addresses = new ClientAddresses(settings)
    this.#access = new AccessList(settings)
    this.#limits = most > 0 || rate > 0
    this.#webSockets = new CountLimiter(most)
    this.#handshakes = new KeyedRateLimiter(rate, MINUTE)
    this.#sockets = new CountLimiter(most && most + SPARE_PER_ADDRESS)
    // A client over the rate is told so by HTTP. It is cut off before that only when it keeps coming.
    this.#arrivals = new KeyedRateLimiter(rate && 2 * rate + SPARE_PER_ADDRESS, MINUTE)
  }

  /** How many addresses are remembered for their limits. */
  get size(): number {
    return this.#webSockets.size + this.#handshakes.size + this.#sockets.size + this.#arrivals.size
  }

  /** The address of the client that sent a request; empty if unknown. */
  addressFor(request: IncomingMessage): string {
    return this.#addresses.of(request)
  }

  /** The address of the client at the other end of a WebSocket, asked for only when needed: it costs a system call. Empty if unknown. */
  addressOf(socket: Socket): string {
    return this.#resolved.get(socket) ?? directAddress(socket)
  }

  /**
   * Counts a new TCP connection, and cuts it off before it costs any more if its client may not connect, or has
   * opened so many that it gets no response. The connections of a proxy are left alone.
   *
   * @returns Whether it may stay.
   */
  accept(socket: Socket): boolean {
    if (!this.#limits && this.#access.isEmpty) return true
    const address = directAddress(socket)
    if (address === '' || this.#addresses.isProxy(address)) return true
    // A health check of this machine has to reach /health. `forbid` refuses it everywhere else.
    const stays = this.#access.permits(address) || LOCAL.includes(address)
    const refused = stays ? this.#count(socket, networkOf(address)) : 'network'
    if (!refused) return true
    this.#limited(refused, undefined, address)
    socket.destroy()
    return false
  }

  /** Whether a program on this machine asks for /health, which it may whatever the lists of networks say. */
  isLocalCheck(request: IncomingMessage): boolean {
    return pathOf(targetOf(request)) === '/health' && LOCAL.includes(this.addressFor(request))
  }

  /** The refusal for a client that may not connect; undefined if it may. */
  forbid(request: IncomingMessage): TextResponse | undefined {
    if (this.#access.isEmpty) return undefined
    const address = this.addressFor(request)
    if (this.#access.permits(address)) return undefined
    this.#limited('network', undefined, address)
    return NOT_ALLOWED
  }

  /**
   * Lets the client of a handshake have a WebSocket, which counts until its socket closes.
   *
   * @returns The refusal, if it may not have one.
   */
  admit(request: IncomingMessage): TextResponse | undefined {
    const forbidden = this.forbid(request)
    if (forbidden) return forbidden
    const { throughProxies } = this.#addresses
    if (!this.#limits && !throughProxies) return undefined
    const address = this.addressFor(request)
    if (throughProxies) this.#resolved.set(request.socket, address)
    return this.#limits && address !== '' ? this.#restrict(address, request.socket) : undefined
  }

  /** Forgets the addresses. */
  stop(): void {
    this.#handshakes.clear()
    this.#arrivals.clear()
  }

  #restrict(address: string, socket: Socket): TextResponse | undefined {
    const client = networkOf(address)
    const wait = this.#handshakes.take(client, performance.now())
    if (wait > 0) {
      this.#limited('address-rate', undefined, address)
      return tooMany('Too many new connections from your address', Math.ceil(wait / 1000))
    }
    if (!hold(this.#webSockets, client, socket)) {
      this.#limited('address-connections', undefined, address)
      return tooMany('Too many connections from your address', RETRY_AFTER)
    }
    return undefined
  }

  /** Counts a TCP connection. */
  #count(socket: Socket, client: string): 'address-connections' | 'address-rate' | undefined {
    if (this.#arrivals.take(client, performance.now()) > 0) return 'address-rate'
    return hold(this.#sockets, client, socket) ? undefined : 'address-connections'
  }
}

/** Counts a socket for a client until it closes; false if the client has too many. */
function hold(counts: CountLimiter, client: string, socket: Socket): boolean {
  if (!counts.take(client)) return false
  socket.once('close', () => counts.release(client))
  return true
}

function tooMany(text: string, seconds: number): TextResponse {
  return textResponse(429, text, { 'Retry-After': String(seconds) })
}
