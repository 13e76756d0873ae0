import type { IncomingMessage } from 'node:http'
import type { Observer } from '../core/observer.js'
import type { Dialects } from '../dialects/dialects.js'
import { limitMessages } from '../observability/event-log.js'
import type { AddressLimits } from './address-limits.js'
import { pathOf, targetOf } from './request.js'
import { type Response, textResponse } from './response.js'
import type { Router } from './router.js'

/** RFC 9110 section 15.5.22. */
const UPGRADE_REQUIRED = textResponse(
  426,
  'This is for WebSockets. If you opened one, a proxy has lost it: it must pass Upgrade and Connection on, in HTTP/1.1.\n',
  { Upgrade: 'websocket', Connection: 'close, Upgrade' },
)

/** Responds to the plain requests of `PORT`: to those of its routes, and to those that were meant for WebSockets. */
export class PublicRouter {
  readonly #router: Router
  readonly #addressLimits: AddressLimits
  readonly #dialects: Dialects
  readonly #observer: Observer

  constructor(router: Router, addressLimits: AddressLimits, dialects: Dialects, observer: Observer) {
    this.#router = router
    this.#addressLimits = addressLimits
    this.#dialects = dialects
    this.#observer = observer
  }

  respond(request: IncomingMessage): Response | Promise<Response> {
    const refusal = this.#addressLimits.isLocalCheck(request) ? undefined : this.#addressLimits.forbid(request)
    if (refusal) return refusal
    const path = pathOf(targetOf(request))
    const isRoute = this.#router.find(path) !== undefined
    if ((path === '/' || !isRoute) && isLost(request)) return this.#lost(request)
    // Where the page at `/` is turned off, `/` is not found.
    if (path !== '/' && !isRoute && this.#dialects.owns(path)) return UPGRADE_REQUIRED
    return this.#router.respond(request)
  }

  #lost(request: IncomingMessage): Response {
    this.#observer.handshakeFailed(426, limitMessages['upgrade-lost'])
    this.#observer.limited('upgrade-lost', undefined, this.#addressLimits.addressFor(request))
    return UPGRADE_REQUIRED
  }
}

/**
 * Whether this was a handshake of which a proxy has taken `Upgrade` or `Connection`, as proxies do unless they are
 * told otherwise. Proxies leave the key, and nothing but a handshake has one: browsers do not let pages set it.
 */
function isLost({ headers }: IncomingMessage): boolean {
  return headers['sec-websocket-key'] !== undefined
}
