import type { IncomingMessage } from 'node:http'
import type { Report } from '../observe/report.js'
import { type Answer, targetOf } from './upgrade.js'

/** A page. */
export interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A page, made anew for each request. */
type Maker = () => Page

/** The pages by their paths. */
export type Pages = ReadonlyMap<string, Maker>

const METHODS = 'GET, HEAD, OPTIONS'

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** The pages beside the WebSockets, by their paths. */
export function createPages(report: Report, draining: () => boolean, landing: Maker | undefined): Pages {
  return new Map<string, Maker>([
    ...(landing ? ([['/', landing]] as const) : []),
    ['/health', () => json(draining() ? 503 : 200, report.health(draining()))],
    ['/stats', () => json(200, report.stats())],
  ])
}

/** What a request is answered. */
export function answerTo(pages: Pages, request: IncomingMessage): Answer {
  const { method = 'GET' } = request
  const make = pages.get(targetOf(request).split('?', 1)[0] ?? '/')
  if (!make) return answer(method, { status: 404, type: TEXT, body: NOT_FOUND })
  if (method === 'OPTIONS') return { status: 204, headers: { ...SECURITY_HEADERS, Allow: METHODS }, body: '' }
  if (method === 'GET' || method === 'HEAD') return answer(method, make())
  return answer(method, { status: 405, type: TEXT, body: 'Method not allowed\n', headers: { Allow: METHODS } })
}

const TEXT = 'text/plain; charset=utf-8'
const NOT_FOUND = 'Baton relay - Use WebSocket endpoint: ws://host/room/{roomId}\n'

function json(status: number, value: object): Page {
  const body = `${JSON.stringify(value, null, 2)}\n`
  return { status, type: 'application/json; charset=utf-8', body, headers: { 'Cache-Control': 'no-store' } }
}

function answer(method: string, { status, type, body, headers }: Page): Answer {
  const length = String(Buffer.byteLength(body))
  return {
    status,
    headers: { ...SECURITY_HEADERS, 'Content-Type': type, 'Content-Length': length, ...headers },
    body: method === 'HEAD' ? '' : body,
  }
}
