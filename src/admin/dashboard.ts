import type { IncomingMessage } from 'node:http'
import { pathOf, queryOf, targetOf } from '../http/request.js'
import { readBody } from '../http/request-body.js'
import { HANG_UP, htmlResponse, type Response, type ResponseHeaders, textResponse } from '../http/response.js'
import { methodNotAllowed } from '../http/router.js'
import { version } from '../observability/version.js'
import { Actions } from './actions.js'
import { AdminSessions, isSameOrigin } from './admin-sessions.js'
import { Assets } from './assets.js'
import { appPage, signInPage } from './documents.js'
import { Recorder } from './recorder.js'
import { RoomInspector, type View } from './room-inspector.js'
import type { DashboardSources } from './sources.js'
import { UpdateStream } from './update-stream.js'
import { memberOrders, roomOrders, type State } from './updates.js'

const BASE = '/dashboard'

const READ_METHODS = ['GET', 'HEAD']

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
  readonly #sessions = new AdminSessions()
  readonly #assets = new Assets()
  readonly #recorder: Recorder
  readonly #updates: UpdateStream
  readonly #actions: Actions

  constructor(sources: DashboardSources) {
    const { context, roomNames } = sources
    this.#sources = sources
    const inspector = new RoomInspector(context.rooms, roomNames)
    this.#recorder = new Recorder(context)
    this.#updates = new UpdateStream(context, inspector, this.#recorder, () => this.#state())
    this.#actions = new Actions(sources, inspector)
  }

  /** The response to a request for the dashboard, or for what lies below it. */
  async respond(request: IncomingMessage): Promise<Response> {
    const response = request.method === 'POST' ? await this.#post(request) : await this.#get(request)
    return { ...response, headers: { ...HEADERS, ...response.headers } }
  }

  /** Ends all streams and lets go of all timers. */
  stop(): void {
    this.#updates.stop()
    this.#recorder.stop()
  }

  async #get(request: IncomingMessage): Promise<Response> {
    const { method = 'GET' } = request
    const target = targetOf(request)
    const name = nameOf(target)
    if (this.#actions.has(name)) return methodNotAllowed(['POST'])
    if (!READ_METHODS.includes(method)) return methodNotAllowed(READ_METHODS)
    // The page refers to files beside it, so it has one address without a slash. And nobody comes back to a form.
    if (name === '' ? target.startsWith(`${BASE}/`) : /^sign-(in|out)$/.test(name)) return redirect()
    const asset = this.#assets.find(name)
    if (asset) return await asset(request)
    const session = this.#sessions.idOf(request)
    if (name === '') return htmlResponse(200, session === undefined ? signInPage('dashboard/') : appPage)
    if (name !== 'events') return textResponse(404, 'Not found\n')
    if (session === undefined) return textResponse(401, 'Not signed in\n')
    return this.#stream(request, new URLSearchParams(queryOf(target)), session)
  }

  #stream(request: IncomingMessage, query: URLSearchParams, session: string): Response {
    const latest = Number(request.headers['last-event-id'] ?? query.get('after')) || 0
    const body = this.#updates.open(viewOf(query), latest, () => this.#sessions.isGood(session))
    if (!body) return textResponse(503, 'Too many dashboards are open\n')
    // Without the second header nginx would buffer the stream.
    const headers = { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' }
    return { status: 200, headers, body }
  }

  async #post(request: IncomingMessage): Promise<Response> {
    const reading = readBody(request, MAX_BODY)
    const name = nameOf(targetOf(request))
    if (!isSameOrigin(request)) return textResponse(403, 'Not from this page\n', HANG_UP)
    const body = await reading
    if (body === undefined) return textResponse(400, 'Bad body\n', HANG_UP)
    const form = new URLSearchParams(body)
    if (name === 'sign-in') return this.#signIn(request, form.get('token') ?? '')
    const session = this.#sessions.idOf(request)
    if (session === undefined) return textResponse(401, 'Not signed in\n')
    if (name === 'sign-out') return this.#signOut(request, session)
    return this.#actions.perform(name, form, request) ?? methodNotAllowed(READ_METHODS)
  }

  #signIn(request: IncomingMessage, token: string): Response {
    const { adminAuth, eventLog, addressFor } = this.#sources
    if (!adminAuth.knows(token, request))
      return htmlResponse(403, signInPage('', 'That is not the admin token.'), HANG_UP)
    eventLog.operated(addressFor(request), 'Signed in to the dashboard')
    return redirect({ 'Set-Cookie': this.#sessions.open(request) })
  }

  #signOut(request: IncomingMessage, session: string): Response {
    const { eventLog, addressFor } = this.#sources
    eventLog.operated(addressFor(request), 'Signed out of the dashboard')
    return redirect({ 'Set-Cookie': this.#sessions.close(request, session) })
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

/** What a target names below the dashboard; empty for the dashboard itself. */
function nameOf(target: string): string {
  return pathOf(target).slice(BASE.length + 1)
}

/** Leads to the dashboard from anything below it. */
function redirect(headers: ResponseHeaders = {}): Response {
  return textResponse(303, '', { ...headers, Location: '../dashboard' })
}
