import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Report } from '../observe/report.js'
import { targetOf } from './upgrade.js'

/** An answer to a GET. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

type Page = () => Answer

const METHODS = 'GET, HEAD, OPTIONS'

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** The pages beside the WebSockets, by their paths. */
export function createPages(report: Report, draining: () => boolean, landing: Page): ReadonlyMap<string, Page> {
  return new Map<string, Page>([
    ['/', landing],
    ['/health', () => json(draining() ? 503 : 200, report.health(draining()))],
    ['/stats', () => json(200, report.stats())],
  ])
}

/** Answers an HTTP request. */
export function respond(pages: ReadonlyMap<string, Page>, request: IncomingMessage, response: ServerResponse): void {
  const { method = 'GET' } = request
  // What a body would say is of no interest, but it must not stop the next request.
  request.resume()
  const page = pages.get(targetOf(request).split('?', 1)[0] ?? '/')
  if (!page) send(response, method, { status: 404, type: TEXT, body: NOT_FOUND })
  else if (method === 'OPTIONS') response.writeHead(204, { ...SECURITY_HEADERS, Allow: METHODS }).end()
  else if (method === 'GET' || method === 'HEAD') send(response, method, page())
  else send(response, method, { status: 405, type: TEXT, body: 'Method not allowed\n', headers: { Allow: METHODS } })
}

const TEXT = 'text/plain; charset=utf-8'
const NOT_FOUND = 'Baton relay - Use WebSocket endpoint: ws://host/room/{roomId}\n'

function json(status: number, value: object): Answer {
  const body = `${JSON.stringify(value, null, 2)}\n`
  return { status, type: 'application/json; charset=utf-8', body, headers: { 'Cache-Control': 'no-store' } }
}

function send(response: ServerResponse, method: string, { status, type, body, headers }: Answer): void {
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(method === 'HEAD' ? undefined : body)
}
