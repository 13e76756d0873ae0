import type { IncomingMessage } from 'node:http'
import type { RelayContext } from '../core/context.js'
import type { AdminAuth } from '../http/admin-auth.js'
import { readBody } from '../http/request-body.js'
import { answerOf, HANG_UP, type Page, text } from '../http/routes.js'
import type { EventLog } from '../observability/event-log.js'
import type { RoomNameHasher } from '../observability/room-names.js'
import type { Health } from '../observability/status-report.js'
import { version } from '../observability/version.js'
import { type Answer, pathOf, targetOf, UpgradeHello } from '../websocket/handshake.js'
import { Actions } from './actions.js'
import { AdminSessions, isOwn } from './admin-sessions.js'
import { Assets } from './assets.js'
import { appPage, signInPage } from './documents.js'
import { Recorder } from './recorder.js'
import { RoomInspector, type View } from './room-inspector.js'
import { UpdateStream } from './update-stream.js'
import { memberOrders, roomOrders, type State } from './updates.js'

/** What the dashboard shows, and acts on. */
export interface DashboardSources {
  readonly hub: RelayContext
  readonly gate: AdminAuth
  readonly namer: RoomNameHasher
  readonly journal: EventLog
  health(): Health
  addressFor(request: IncomingMessage): string
  /** Ends a connection. */
  disconnect(connectionId: string): void
  /** Stops the relay. */
  drain(): void
}

const BASE = '/dashboard'

/** More than any form here sends. */
const MAX_BODY = 4096

const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
  ].join('; '),
  // With `no-referrer` a browser would not say in a form's Origin that it comes from here.
  'Referrer-Policy': 'same-origin',
  'Cache-Control': 'no-store',
}

/** `/dashboard`: for operators who have signed in with the admin token. */
export class Dashboard {
  readonly #sources: DashboardSources
  readonly #signIns = new AdminSessions()
  readonly #assets = new Assets()
  readonly #recorder: Recorder
  readonly #feed: UpdateStream
  readonly #actions: Actions

  constructor(sources: DashboardSources) {
    const { hub, namer } = sources
    this.#sources = sources
    const watch = new RoomInspector(hub.rooms, namer)
    this.#recorder = new Recorder(hub)
    this.#feed = new UpdateStream(hub, watch, this.#recorder, () => this.#state())
    this.#actions = new Actions(sources, watch)
  }

  /** Whether a request is for the dashboard. */
  owns(request: IncomingMessage): boolean {
    const path = pathOf(targetOf(request))
    return path === BASE || path.startsWith(`${BASE}/`)
  }

  /** Answers a request that is. */
  async answer(request: IncomingMessage): Promise<Answer> {
    const { method = 'GET' } = request
    const page = method === 'POST' ? await this.#post(request) : await this.#get(request, method)
    return answerOf(method, { ...page, headers: { ...HEADERS, ...page.headers } })
  }

  /** Ends all streams and lets go of all timers. */
  stop(): void {
    this.#feed.stop()
    this.#recorder.stop()
  }

  async #get(request: IncomingMessage, method: string): Promise<Page> {
    const { path, query } = new UpgradeHello(request)
    const name = path.slice(BASE.length + 1)
    if (this.#actions.has(name)) return notAllowed('POST')
    if (method !== 'GET' && method !== 'HEAD') return notAllowed('GET, HEAD')
    // What the page refers to lies beside it; and a form that was sent is not the place to come back to.
    if (name === '' ? targetOf(request).startsWith(`${BASE}/`) : /^sign-(in|out)$/.test(name)) return moved()
    const asset = this.#assets.find(name)
    if (asset) return await asset(request)
    const signIn = this.#signIns.idOf(request)
    if (name === '') return html(200, signIn === undefined ? signInPage('dashboard/') : appPage)
    if (name !== 'events') return text(404, 'Not found\n')
    if (signIn === undefined) return text(401, 'Not signed in\n')
    return this.#stream(request, query, signIn)
  }

  #stream({ headers }: IncomingMessage, query: URLSearchParams, signIn: string): Page {
    const has = Number(headers['last-event-id'] ?? query.get('after')) || 0
    const body = this.#feed.open(viewOf(query), has, () => this.#signIns.isGood(signIn))
    if (!body) return text(503, 'Too many dashboards are open\n')
    // The second is for nginx, which would keep it back otherwise.
    return { status: 200, type: 'text/event-stream', body, headers: { 'X-Accel-Buffering': 'no' } }
  }

  async #post(request: IncomingMessage): Promise<Page> {
    const reading = readBody(request, MAX_BODY)
    const name = pathOf(targetOf(request)).slice(BASE.length + 1)
    if (!isOwn(request)) return text(403, 'Not from this page\n', HANG_UP)
    const body = await reading
    if (body === undefined) return text(400, 'Bad body\n', HANG_UP)
    const form = new URLSearchParams(body)
    if (name === 'sign-in') return this.#signIn(request, form.get('token') ?? '')
    const signIn = this.#signIns.idOf(request)
    if (signIn === undefined) return text(401, 'Not signed in\n')
    if (name === 'sign-out') return this.#signOut(request, signIn)
    return this.#actions.perform(name, form, request) ?? notAllowed('GET, HEAD')
  }

  #signIn(request: IncomingMessage, token: string): Page {
    const { gate, journal, addressFor } = this.#sources
    if (!gate.knows(token, request)) return html(403, signInPage('', 'That is not the admin token.'), HANG_UP)
    journal.operated(addressFor(request), 'Signed in to the dashboard')
    return moved({ 'Set-Cookie': this.#signIns.open(request) })
  }

  #signOut(request: IncomingMessage, signIn: string): Page {
    const { journal, addressFor } = this.#sources
    journal.operated(addressFor(request), 'Signed out of the dashboard')
    return moved({ 'Set-Cookie': this.#signIns.close(request, signIn) })
  }

  #state(): State {
    const { status, reasons = [], uptime, cluster } = this.#sources.health()
    const { nodes, connections, rooms } = cluster ?? { nodes: 1, connections: 0, rooms: 0 }
    return { version, status, reasons, uptime, cluster: cluster ? { nodes, connections, rooms } : null }
  }
}

function viewOf(query: URLSearchParams): View {
  return {
    order: roomOrders.find((order) => order === query.get('order')) ?? 'members',
    room: query.get('room') ?? undefined,
    memberOrder: memberOrders.find((order) => order === query.get('memberOrder')) ?? 'backlog',
  }
}

function html(status: number, body: string, headers: Page['headers'] = {}): Page {
  return { status, type: 'text/html; charset=utf-8', body, headers }
}

/** To the dashboard itself, seen from anything below it. */
function moved(headers: Page['headers'] = {}): Page {
  return text(303, '', { ...headers, Location: '../dashboard' })
}

function notAllowed(methods: string): Page {
  return text(405, 'Method not allowed\n', { Allow: methods })
}
