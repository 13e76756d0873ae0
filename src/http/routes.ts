import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { MetricsRegistry } from '../observability/metrics-registry.js'
import type { Health, StatusReport } from '../observability/status-report.js'
import { type Answer, pathOf, targetOf } from '../websocket/handshake.js'
import { type AdminAuth, CHALLENGES } from './admin-auth.js'

/** A page. */
export interface Page {
  readonly status: number
  readonly type: string
  /** A stream is sent as it comes, as far as the client reads, and has no deadline. */
  readonly body: string | Buffer | Readable
  readonly headers?: Readonly<Record<string, string>>
}

/** A page, made again for each request. */
export type Maker = (request: IncomingMessage) => Page | Promise<Page>

/** A page's place. */
interface Entry {
  readonly make: Maker
  /** Whether it is for operators: it asks for `adminToken`, and moves to `adminPort`. */
  readonly admin: boolean
}

/** The pages by their paths. */
export type Pages = ReadonlyMap<string, Entry>

export const METHODS = 'GET, HEAD, OPTIONS'

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** The pages beside the WebSockets, by their paths. */
export function createPages(report: StatusReport, landing: Maker | undefined, metrics: MetricsRegistry): Pages {
  return new Map<string, Entry>([
    ...(landing ? ([['/', open(landing)]] as const) : []),
    ['/health', open(() => healthPage(report.health()))],
    ['/stats', admin(() => jsonPage(200, report.stats()))],
    [
      '/metrics',
      admin(async () => ({ status: 200, type: metrics.type, body: await metrics.text(), headers: UNCACHED })),
    ],
  ])
}

/** With HTTP 503 while a balancer should send no clients. */
function healthPage(health: Health): Page {
  return jsonPage(health.status === 'draining' || health.status === 'starting' ? 503 : 200, health)
}

function open(make: Maker): Entry {
  return { make, admin: false }
}

function admin(make: Maker): Entry {
  return { make, admin: true }
}

/** The pages of `PORT` when the administrative ones have moved. */
export function publicPages(pages: Pages): Pages {
  return new Map([...pages].filter(([, entry]) => !entry.admin))
}

/** The pages of `ADMIN_PORT`: the administrative ones, and whether all is well. */
export function adminPages(pages: Pages): Pages {
  return new Map([...pages].filter(([path, entry]) => entry.admin || path === '/health'))
}

/**
 * What a request is answered: at once, if the page is.
 *
 * @param gate Asked for the administrative pages, if they need a token.
 */
export function answerTo(pages: Pages, request: IncomingMessage, gate?: AdminAuth): Answer | Promise<Answer> {
  const { method = 'GET' } = request
  const entry = pages.get(pathOf(targetOf(request)))
  if (!entry) return answerOf(method, text(404, NOT_FOUND))
  if (entry.admin && gate?.admits(request) === false) return unauthorized(method)
  if (method === 'OPTIONS') return { status: 204, headers: { ...SECURITY_HEADERS, Allow: METHODS }, body: '' }
  if (method !== 'GET' && method !== 'HEAD')
    return answerOf(method, text(405, 'Method not allowed\n', { Allow: METHODS }))
  const page = entry.make(request)
  return page instanceof Promise ? page.then((made) => answerOf(method, made)) : answerOf(method, page)
}

/** A page of plain text. */
export function text(status: number, body: string, headers: Page['headers'] = {}): Page {
  return { status, type: 'text/plain; charset=utf-8', body, headers }
}

/** A page as an answer. */
export function answerOf(method: string, { status, type, body, headers }: Page): Answer {
  const stream = body instanceof Readable
  if (method === 'HEAD' && stream) body.destroy()
  // RFC 9110 section 8.6: the length would be that of the page which has not changed.
  const about = status !== 304 && {
    'Content-Type': type,
    ...(!stream && { 'Content-Length': String(Buffer.byteLength(body)) }),
  }
  return {
    status,
    headers: { ...SECURITY_HEADERS, ...about, ...headers },
    body: method === 'HEAD' ? '' : body,
  }
}

const UNCACHED = { 'Cache-Control': 'no-store' }
const NOT_FOUND = 'Baton relay - Use WebSocket endpoint: ws://host/room/{roomId}\n'

/** A refusal ends the connection, so each attempt costs one, and the limits of the address bound them. */
export const HANG_UP = { Connection: 'close' }

function unauthorized(method: string): Answer {
  const { headers, ...rest } = answerOf(method, text(401, 'The admin token is needed\n', HANG_UP))
  return { ...rest, headers: { ...headers, ...UNCACHED, 'WWW-Authenticate': CHALLENGES } }
}

/** A value as a page. */
export function jsonPage(status: number, value: object): Page {
  const body = `${JSON.stringify(value, null, 2)}\n`
  return { status, type: 'application/json; charset=utf-8', body, headers: UNCACHED }
}
