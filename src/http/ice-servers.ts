import { createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Origins } from '../auth/origins.js'
import type { JsonWebTokens } from '../auth/tokens.js'
import { type AuthorizeRequest, allowanceOf, type Denial } from '../core/authority.js'
import { closes } from '../core/close-reasons.js'
import type { RelayContext } from '../core/context.js'
import { KeyedRateLimiter } from '../core/keyed-rate-limiter.js'
import type { Settings } from '../options/index.js'
import { networkOf } from '../options/networks.js'
import { type Answer, UpgradeHello } from '../websocket/handshake.js'
import type { AddressLimits } from './address-limits.js'
import { answerOf, HANG_UP, jsonPage, METHODS, type Page } from './routes.js'

const MINUTE = 60_000

/** An address may be that of a whole office, so it may have the credentials of so many users. */
const SHARED = 10

/** STUN and TURN servers, as `new RTCPeerConnection()` takes them: https://www.w3.org/TR/webrtc/#rtciceserver-dictionary */
export interface IceServers {
  iceServers: { urls: string[]; username?: string; credential?: string }[]
  /** Seconds for which the credentials open new connections to the TURN servers. */
  ttl: number
}

/**
 * The servers of the options. Those for TURN come with credentials that the servers check without asking
 * anybody, being made with a secret that they share:
 * https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00
 *
 * @param user Is part of the username.
 * @param expires When the user's access ends, in milliseconds since 1970: the credentials end then, if not before.
 */
export function iceServersFor(settings: Settings, user?: string, expires = Number.POSITIVE_INFINITY): IceServers {
  const { stunUrls, turnUrls, turnSecret, turnTtl } = settings
  const now = Math.floor(Date.now() / 1000)
  const end = Math.max(now, Math.floor(Math.min(now + turnTtl / 1000, expires / 1000)))
  const username = user === undefined ? `${end}` : `${end}:${user}`
  const credential = createHmac('sha1', turnSecret).update(username).digest('base64')
  return {
    iceServers: [
      ...(stunUrls.length > 0 ? [{ urls: stunUrls }] : []),
      ...(turnUrls.length > 0 ? [{ urls: turnUrls, username, credential }] : []),
    ],
    ttl: end - now,
  }
}

/** Whether the options name any server. */
export function hasIceServers({ stunUrls, turnUrls }: Settings): boolean {
  return stunUrls.length > 0 || turnUrls.length > 0
}

/** `GET /ice-servers`: the servers, for clients that may use the relay. */
export class IcePage {
  readonly #settings: Settings
  readonly #hub: RelayContext
  readonly #clients: AddressLimits
  readonly #tokens: JsonWebTokens | undefined
  readonly #origins: Origins | undefined
  /** Credentials that were given to users, and to addresses where no user is known. */
  readonly #byUser: KeyedRateLimiter
  readonly #byAddress: KeyedRateLimiter

  constructor(settings: Settings, hub: RelayContext, clients: AddressLimits, tokens: JsonWebTokens | undefined) {
    this.#settings = settings
    this.#hub = hub
    this.#clients = clients
    this.#tokens = tokens
    this.#origins = settings.allowedOrigins.length > 0 ? new Origins(settings.allowedOrigins) : undefined
    const rate = settings.turnUrls.length > 0 ? settings.turnRate : 0
    this.#byUser = new KeyedRateLimiter(rate, MINUTE)
    this.#byAddress = new KeyedRateLimiter(rate * SHARED, MINUTE)
  }

  /** Forgets who has asked. */
  stop(): void {
    this.#byUser.clear()
    this.#byAddress.clear()
  }

  /** What a request is answered. Never rejects. */
  async answer(request: IncomingMessage): Promise<Answer> {
    const { method = 'GET', headers } = request
    const { origin } = headers
    // A page of the relay's own origin sends none with GET.
    if (origin !== undefined && this.#origins && !this.#origins.allow(origin)) {
      return answerOf(method, this.#refusal(request, 403, 'origin'))
    }
    const cors = this.#cors(origin)
    if (method === 'OPTIONS') return { status: 204, headers: { ...PREFLIGHT, ...cors }, body: '' }
    const page = await this.#page(request).catch((error: unknown) => {
      this.#hub.observer.failed(error)
      return jsonPage(500, { error: closes.internalError.reason })
    })
    return answerOf(method, { ...page, headers: { ...page.headers, ...cors } })
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

  async #page(request: IncomingMessage): Promise<Page> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { ...jsonPage(405, { error: 'Method not allowed' }), headers: { Allow: METHODS } }
    }
    const hello = new UpgradeHello(request)
    const pass = await this.#tokens?.identify(hello)
    if (pass === 'keys-unavailable') return this.#refusal(request, 503, pass)
    if (typeof pass === 'string') return this.#refusal(request, 401, pass)
    if (pass?.rights.none) return this.#refusal(request, 403, 'ice')
    const { hook } = this.#hub
    const allowance = allowanceOf(hook ? await hook.ask(this.#question(request, hello, pass?.user)) : true)
    if (!allowance) return this.#refusal(request, 403, 'ice')
    const user = allowance.user ?? pass?.user
    const wait = this.#take(user, request)
    if (wait > 0) return this.#tooMany(request, wait)
    const { expires = Number.POSITIVE_INFINITY } = allowance
    return jsonPage(200, iceServersFor(this.#settings, user, Math.min(expires, pass?.expires ?? expires)))
  }

  /** Counts credentials for the user or address that asks; returns the milliseconds to wait if it has had too many. */
  #take(user: string | undefined, request: IncomingMessage): number {
    const now = performance.now()
    if (user !== undefined) return this.#byUser.take(user, now)
    return this.#byAddress.take(networkOf(this.#clients.addressFor(request)), now)
  }

  #tooMany(request: IncomingMessage, wait: number): Page {
    this.#hub.observer.limited('turn-rate', undefined, this.#clients.addressFor(request))
    const page = jsonPage(429, { error: 'Too many requests' })
    return { ...page, headers: { ...page.headers, ...HANG_UP, 'Retry-After': String(Math.ceil(wait / 1000)) } }
  }

  #question(request: IncomingMessage, hello: UpgradeHello, user: string | undefined): AuthorizeRequest {
    const { path, query, headers } = hello
    const about = { verb: 'ice', dialect: undefined, room: undefined, user, connectionId: '' } as const
    return { ...about, path, query, headers, address: this.#clients.addressFor(request) }
  }

  #refusal(request: IncomingMessage, status: keyof typeof REFUSALS, why: Denial): Page {
    this.#hub.observer.denied(why, this.#clients.addressFor(request))
    const refused = jsonPage(status, { error: why === 'origin' ? closes.originNotAllowed.reason : REFUSALS[status] })
    const page = { ...refused, headers: { ...refused.headers, ...HANG_UP } }
    // RFC 9110 section 11.6.1.
    return status === 401 ? { ...page, headers: { ...page.headers, 'WWW-Authenticate': 'Bearer' } } : page
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
  Allow: METHODS,
  'Access-Control-Allow-Methods': 'GET',
  'Access-Control-Allow-Headers': 'Authorization',
  'Access-Control-Max-Age': '600',
}
