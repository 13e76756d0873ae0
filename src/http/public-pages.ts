import type { IncomingMessage } from 'node:http'
import type { Dashboard } from '../admin/dashboard.js'
import type { Observer } from '../core/observer.js'
import type { Dialects } from '../dialects/dialects.js'
import { limitMessages } from '../observability/event-log.js'
import { type Answer, pathOf, targetOf } from '../websocket/handshake.js'
import type { AddressLimits } from './address-limits.js'
import type { AdminAuth } from './admin-auth.js'
import type { IcePage } from './ice-servers.js'
import { answerOf, answerTo, HANG_UP, type Pages, text } from './routes.js'

/** What is served beside the WebSockets, and to whom. */
interface Parts {
  readonly pages: Pages
  readonly clients: AddressLimits
  readonly dialects: Dialects
  readonly observer: Observer
  readonly gate: AdminAuth | undefined
  readonly ice: IcePage | undefined
  /** Undefined if there is none, or not on this port. */
  readonly dashboard: Dashboard | undefined
}

/** RFC 9110 section 15.5.22. */
const UPGRADE_REQUIRED = text(
  426,
  'This is for WebSockets. If you opened one, a proxy has lost it: it must pass Upgrade and Connection on, in HTTP/1.1.\n',
  { Upgrade: 'websocket', Connection: 'close, Upgrade' },
)

/** Answers the plain requests of `PORT`. */
export class PublicPages {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  answer(request: IncomingMessage): Answer | Promise<Answer> {
    const { pages, clients, gate, ice, dashboard } = this.#parts
    const { method = 'GET' } = request
    const refusal = clients.isLocalCheck(request) ? undefined : clients.forbid(request)
    if (refusal) return answerOf(method, text(refusal.status, refusal.text, HANG_UP))
    const path = pathOf(targetOf(request))
    if (ice && path === '/ice-servers') return ice.answer(request)
    if (dashboard?.owns(request)) return dashboard.answer(request)
    if (this.#isLost(request, path)) return this.#lost(request)
    // Where the page at `/` is turned off, `/` is not found.
    if (path !== '/' && !pages.has(path) && this.#parts.dialects.owns(path)) return answerOf(method, UPGRADE_REQUIRED)
    return answerTo(pages, request, gate)
  }

  /**
   * Whether this was a handshake of which a proxy has taken `Upgrade` or `Connection`, as proxies do unless they are
   * told otherwise. Proxies leave the key, and nothing but a handshake has one: browsers do not let pages set it.
   */
  #isLost({ headers }: IncomingMessage, path: string): boolean {
    return headers['sec-websocket-key'] !== undefined && (path === '/' || !this.#parts.pages.has(path))
  }

  #lost(request: IncomingMessage): Answer {
    const { observer, clients } = this.#parts
    observer.handshakeFailed(426, limitMessages['upgrade-lost'])
    observer.limited('upgrade-lost', undefined, clients.addressFor(request))
    return answerOf(request.method ?? 'GET', UPGRADE_REQUIRED)
  }
}
