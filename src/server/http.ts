import type { IncomingMessage } from 'node:http'
import type { Exposition } from '../observe/exposition.js'
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
type Maker = () => Page | Promise<Page>

/** The pages by their paths. */
export type Pages = ReadonlyMap<string, Maker>

export const METHODS = 'GET, HEAD, OPTIONS'

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** The pages beside the WebSockets, by their paths. */
export function createPages(report: Report, draining: () => boolean, landing: Maker, metrics: Exposition): Pages {
  return new Map<string, Maker>([
    ['/', landing],
    ['/health', () => jsonPage(draining() ? 503 : 200, report.health(draining()))],
    ['/stats', () => jsonPage(200, report.stats())],
    ['/metrics', async () => ({ status: 200, type: metrics.type, body: await metrics.text(), headers: UNCACHED })],
  ])
}

/**
 * What a request is answered.
 *
 * @param failed Hears of a fault in a page; the request is then answered with 500.
 */
export function answerTo(
  pages: Pages,
  request: IncomingMessage,
  failed: (error: unknown) => void,
): Answer | Promise<Answer> {
  const { method = 'GET' } = request
  const make = pages.get(targetOf(request).split('?', 1)[0] ?? '/')
  if (!make) return answerOf(method, { status: 404, type: TEXT, body: NOT_FOUND })
  if (method === 'OPTIONS') return { status: 204, headers: { ...SECURITY_HEADERS, Allow: METHODS }, body: '' }
  if (method !== 'GET' && method !== 'HEAD') {
    return answerOf(method, { status: 405, type: TEXT, body: 'Method not allowed\n', headers: { Allow: METHODS } })
  }
  const broken = (error: unknown): Answer => {
    failed(error)
    return answerOf(method, { status: 500, type: TEXT, body: 'Internal error\n' })
  }
  try {
    const page = make()
    return page instanceof Promise ? page.then((made) => answerOf(method, made)).catch(broken) : answerOf(method, page)
  } catch (error) {
    return broken(error)
  }
}

const UNCACHED = { 'Cache-Control': 'no-store' }
const TEXT = 'text/plain; charset=utf-8'
const NOT_FOUND = 'Baton relay - Use WebSocket endpoint: ws://host/room/{roomId}\n'

/** A value as a page. */
export function jsonPage(status: number, value: object): Page {
  const body = `${JSON.stringify(value, null, 2)}\n`
  return { status, type: 'application/json; charset=utf-8', body, headers: UNCACHED }
}

/** What a request is answered with a page. */
export function answerOf(method: string, { status, type, body, headers }: Page): Answer {
  const length = String(Buffer.byteLength(body))
  return {
    status,
    headers: { ...SECURITY_HEADERS, 'Content-Type': type, 'Content-Length': length, ...headers },
    body: method === 'HEAD' ? '' : body,
  }
}
