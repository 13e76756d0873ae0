import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import proxyAddr from 'proxy-addr'
import { CountLimiter } from '../core/count-limiter.js'
import { KeyedRateLimiter } from '../core/keyed-rate-limiter.js'
import type { Observer } from '../core/observer.js'
import type { Settings } from '../options/index.js'
import { Networks, networkOf, parseAddress } from '../options/networks.js'
import { pathOf, type Refusal, targetOf } from '../websocket/handshake.js'

const MINUTE = 60_000

/** TCP connections that an address may have, or open in a minute, beside its WebSockets: for pages, and to be told no. */
const SPARE_SOCKETS = 16

/** The addresses of programs on this machine. The rest of 127.0.0.0/8 is only used on purpose. */
const LOCAL = ['127.0.0.1', '::1']

/** How long a client with too many connections should wait, in seconds. */
const RETRY_AFTER = '10'

/** What `proxy-addr` asks of each address on the way, the nearest first. */
type Trust = (address: string, hop: number) => boolean

/** Who is on the other end: its address, whatever proxies stand between, and what one address may have. */
export class AddressLimits {
  readonly #limited: Observer['limited']
  readonly #trust: Trust | undefined
  readonly #allowed: Networks | undefined
  readonly #denied: Networks | undefined
  /** Whether anything is limited by address. */
  readonly #limits: boolean
  readonly #webSockets: CountLimiter
  readonly #handshakes: KeyedRateLimiter
  readonly #sockets: CountLimiter
  readonly #arrivals: KeyedRateLimiter
  /** Addresses behind a proxy: of the others the socket tells. */
  readonly #resolved = new WeakMap<Socket, string>()

  constructor(settings: Settings, observer: Pick<Observer, 'limited'>) {
    const { trustProxy, allowNetworks, denyNetworks, maxConnectionsPerIp: most, connectionRatePerIp: rate } = settings
    this.#limited = (...what) => observer.limited(...what)
    this.#trust = trustOf(trustProxy)
    if (allowNetworks.length > 0) this.#allowed = new Networks(allowNetworks)
    if (denyNetworks.length > 0) this.#denied = new Networks(denyNetworks)
    this.#limits = most > 0 || rate > 0
    this.#webSockets = new CountLimiter(most)
    this.#handshakes = new KeyedRateLimiter(rate, MINUTE)
    this.#sockets = new CountLimiter(most && most + SPARE_SOCKETS)
    // Who is over the rate is told so by HTTP, and cut off before that only when it keeps coming.
    this.#arrivals = new KeyedRateLimiter(rate && 2 * rate + SPARE_SOCKETS, MINUTE)
  }

  /** How many addresses are remembered for their limits. */
  get size(): number {
    return this.#webSockets.size + this.#handshakes.size + this.#sockets.size + this.#arrivals.size
  }

  /**
   * The address of whoever sent a request: the one that the last proxy to be trusted saw. What it wrote
   * may be no address, such as `unknown`; then the client counts as that proxy. Empty if unknown.
   */
  addressFor(request: IncomingMessage): string {
    if (!this.#trust) return directAddress(request.socket)
    const hops = proxyAddr.all(request, this.#trust).map((hop) => parseHop(hop ?? ''))
    return hops.findLast((hop) => hop !== undefined) ?? ''
  }

  /** The address of the client at the other end of a WebSocket, asked for only when needed: it costs a system call. Empty if unknown. */
  addressOf(socket: Socket): string {
    return this.#resolved.get(socket) ?? directAddress(socket)
  }

  /**
   * A TCP connection came. It is cut off before it costs any more if its client may not connect, or has
   * opened so many that an answer would be too good for it. What a proxy opened is left alone.
   *
   * @returns Whether it may stay.
   */
  accept(socket: Socket): boolean {
    if (!this.#limits && !this.#allowed && !this.#denied) return true
    const address = directAddress(socket)
    if (address === '' || this.#trust?.(address, 0)) return true
    // A health check of this machine has to reach /health. `forbid` refuses it everywhere else.
    const stays = this.#permits(address) || LOCAL.includes(address)
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

  /** Why the client of a request gets nothing, if so. */
  forbid(request: IncomingMessage): Refusal | undefined {
    if (!this.#allowed && !this.#denied) return undefined
    const address = this.addressFor(request)
    if (this.#permits(address)) return undefined
    this.#limited('network', undefined, address)
    return { status: 403, text: 'Not allowed from this network' }
  }

  /**
   * Lets the client of a handshake have a WebSocket, which counts until its socket closes.
   *
   * @returns Why not, if it is refused.
   */
  admit(request: IncomingMessage): Refusal | undefined {
    const forbidden = this.forbid(request)
    if (forbidden) return forbidden
    if (!this.#limits && !this.#trust) return undefined
    const address = this.addressFor(request)
    if (this.#trust) this.#resolved.set(request.socket, address)
    return this.#limits && address !== '' ? this.#restrict(address, request.socket) : undefined
  }

  /** Forgets the addresses. */
  stop(): void {
    this.#handshakes.clear()
    this.#arrivals.clear()
  }

  #restrict(address: string, socket: Socket): Refusal | undefined {
    const client = networkOf(address)
    const wait = this.#handshakes.take(client, performance.now())
    if (wait > 0) {
      this.#limited('address-rate', undefined, address)
      const headers = { 'Retry-After': String(Math.ceil(wait / 1000)) }
      return { status: 429, text: 'Too many new connections from your address', headers }
    }
    if (!hold(this.#webSockets, client, socket)) {
      this.#limited('address-connections', undefined, address)
      const headers = { 'Retry-After': RETRY_AFTER }
      return { status: 429, text: 'Too many connections from your address', headers }
    }
    return undefined
  }

  /** Counts a TCP connection. */
  #count(socket: Socket, client: string): 'address-connections' | 'address-rate' | undefined {
    if (this.#arrivals.take(client, performance.now()) > 0) return 'address-rate'
    return hold(this.#sockets, client, socket) ? undefined : 'address-connections'
  }

  #permits(address: string): boolean {
    // An unknown address, such as that of a Unix socket, is on no list.
    if (address === '') return !this.#allowed
    return !this.#denied?.has(address) && (this.#allowed?.has(address) ?? true)
  }
}

/** Counts a socket for a client until it closes; false if the client has too many. */
function hold(tally: CountLimiter, client: string, socket: Socket): boolean {
  if (!tally.take(client)) return false
  socket.once('close', () => tally.release(client))
  return true
}

function directAddress({ remoteAddress = '' }: Socket): string {
  return parseAddress(remoteAddress) ?? ''
}

function trustOf(proxies: Settings['trustProxy']): Trust | undefined {
  if (typeof proxies === 'number') return proxies > 0 ? (_, hop) => hop < proxies : undefined
  if (proxies.length === 0) return undefined
  const trusted = new Networks(proxies)
  return (text) => {
    const address = parseHop(text ?? '')
    return address !== undefined && trusted.has(address)
  }
}

/** An address as proxies write it: some add the port. */
function parseHop(text: string): string | undefined {
  const [, bracketed, plain] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(text) ?? []
  return parseAddress(bracketed ?? plain ?? text)
}
