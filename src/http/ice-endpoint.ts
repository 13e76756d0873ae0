import type { IncomingMessage } from 'node:http'
import { Origins } from '../auth/origins.js'
import type { JsonWebTokens } from '../auth/tokens.js'
import { type AuthorizeRequest, allowanceOf, type Denial } from '../core/authority.js'
import { closes } from '../core/close-reasons.js'
import type { RelayContext } from '../core/context.js'
import { KeyedRateLimiter } from '../core/keyed-rate-limiter.js'
import { networkOf } from '../ip/address.js'
import type { Settings } from '../options/index.js'
import type { AddressLimits } from './address-limits.js'
import { iceServersFor } from './ice-servers.js'
import { RequestHello } from './request-hello.js'
import { HANG_UP, jsonResponse, type Response } from './response.js'
import { READ_METHODS } from './router.js'

const MINUTE = 60_000

/** An address may be that of a whole office, so it may have the credentials of so many users. */
const USERS_OF_AN_ADDRESS = 10

const ALLOW = { Allow: READ_METHODS.join(', ') }

/** `GET /ice-servers`: the servers, for clients that may use the relay. */
export class IceEndpoint {
  readonly #settings: Settings
  readonly #context: RelayContext
  readonly #addressLimits: AddressLimits
  readonly #tokens: JsonWebTokens | undefined
  readonly #origins: Origins | undefined
  /** Credentials that were given to users, and to addresses where no user is known. */
  readonly #byUser: KeyedRateLimiter
  readonly #byAddress: KeyedRateLimiter

  constructor(
    settings: Settings,
    context: RelayContext,
    addressLimits: AddressLimits,
    tokens: JsonWebTokens | undefined,
  ) {
    this.#settings = settings
    this.#context = context
    this.#addressLimits = addressLimits
    this.#tokens = tokens
    this.#origins = settings.allowedOrigins.length > 0 ? new Origins(settings.allowedOrigins) : undefined
    const rate = settings.turnUrls.length > 0 ? settings.turnRate : 0
    this.#byUser = new KeyedRateLimiter(rate, MINUTE)
    this.#byAddress = new KeyedRateLimiter(rate * USERS_OF_AN_ADDRESS, MINUTE)
  }

  /** Forgets who has asked. */
  stop(): void {
    this.#byUser.clear()
    this.#byAddress.clear()
  }

  /** The response to a request. Never rejects. */
  async respond(request: IncomingMessage): Promise<Response> {
    const { origin } = request.headers
    // A page of the relay's own origin sends none with GET.
    if (origin !== undefined && this.#origins && !this.#origins.allow(origin)) {
      return this.#refusal(request, 403, 'origin')
    }
    const cors = this.#cors(origin)
    if (request.method === 'OPTIONS') return { status: 204, headers: { ...PREFLIGHT, ...cors }, body: '' }
    const response = await this.#serversFor(request).catch((error: unknown) => {
      this.#context.observer.failed(error)
      return jsonResponse(500, { error: closes.internalError.reason })
    })
    return { ...response, headers: { ...response.headers, ...cors } }
  }

  /** Lets pages of other origins read the answer: https://fetch.spec.whatwg.org/#http-cors-protocol */
  #cors(origin: string | undefined): Record<string, string> {
    const open = {
      'Cross-Origin-Resource-Policy': 'cross-origin',
      'Access-Control-Expose-Headers': 'Retry-After',
      Vary: 'Origin',
    }
    if (!this.#origins) return { ...open, 'Access-Control-Allow-Origin': '*' }
    if (origin === undefined) return open
    // With cookies, as its WebSockets bring them too.
    return { ...open, 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true' }
  }

  async #serversFor(request: IncomingMessage): Promise<Response> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return jsonResponse(405, { error: 'Method not allowed' }, ALLOW)
    }
    const hello = new RequestHello(request)
    const claims = await this.#tokens?.identify(hello)
    if (claims === 'keys-unavailable') return this.#refusal(request, 503, claims)
    if (typeof claims === 'string') return this.#refusal(request, 401, claims)
    if (claims?.rights.none) return this.#refusal(request, 403, 'ice')
    const { hook } = this.#context
    const allowance = allowanceOf(hook ? await hook.ask(this.#question(request, hello, claims?.user)) : true)
    if (!allowance) return this.#refusal(request, 403, 'ice')
    const user = allowance.user ?? claims?.user
    const wait = this.#take(user, request)
    if (wait > 0) return this.#tooMany(request, wait)
    const { expires = Number.POSITIVE_INFINITY } = allowance
    return jsonResponse(200, iceServersFor(this.#settings, user, Math.min(expires, claims?.expires ?? expires)))
  }

  /** Counts credentials for the user or address that asks; returns the milliseconds to wait if it has had too many. */
  #take(user: string | undefined, request: IncomingMessage): number {
    const now = performance.now()
    if (user !== undefined) return this.#byUser.take(user, now)
    return this.#byAddress.take(networkOf(this.#addressLimits.addressFor(request)), now)
  }

  #tooMany(request: IncomingMessage, wait: number): Response {
    this.#context.observer.limited('turn-rate', undefined, this.#addressLimits.addressFor(request))
    const headers = { ...HANG_UP, 'Retry-After': String(Math.ceil(wait / 1000)) }
    return jsonResponse(429, { error: 'Too many requests' }, headers)
  }

  #question(request: IncomingMessage, hello: RequestHello, user: string | undefined): AuthorizeRequest {
    const { path, query, headers } = hello
    const about = { verb: 'ice', dialect: undefined, room: undefined, user, connectionId: '' } as const
    return { ...about, path, query, headers, address: this.#addressLimits.addressFor(request) }
  }

  #refusal(request: IncomingMessage, status: keyof typeof REFUSALS, why: Denial): Response {
    this.#context.observer.denied(why, this.#addressLimits.addressFor(request))
    const error = why === 'origin' ? closes.originNotAllowed.reason : REFUSALS[status]
    // RFC 9110 section 11.6.1.
    const challenge = status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
    return jsonResponse(status, { error }, { ...HANG_UP, ...challenge })
  }
}

/** The same words as where a WebSocket is closed. */
const REFUSALS = {
  401: closes.invalidToken.reason,
  403: closes.notAllowed.reason,
  503: closes.keysUnavailable.reason,
} as const

/** RFC 9110 section 9.3.7; the token may come in a header, which another origin's page has to ask for first. */
const PREFLIGHT = {
  ...ALLOW,
  'Access-Control-Allow-Methods': 'GET',
  'Access-Control-Allow-Headers': 'Authorization',
  'Access-Control-Max-Age': '600',
}
