/** What the head of a request says. */

import type { IncomingMessage } from 'node:http'
import { normalPath } from '../dialects/path.js'

/** More than any client and the proxies on its way send. */
const MAX_HEADERS = 100

/** Node drops what is beyond its own limit without a word, and with it perhaps what a proxy has added. */
export const HEADERS_READ = MAX_HEADERS + 1

/** Whether a request has more headers than are read. */
export function hasTooManyHeaders({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.length > 2 * MAX_HEADERS
}

/** Whether a body follows the head, RFC 9112 section 6. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/**
 * Whether a request wants to become a WebSocket, and not something else such as `h2c`. In HTTP/1.0 the
 * wish does not count, RFC 9110 section 7.8.
 */
export function wantsWebSocket({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion !== '1.0' && headers.upgrade?.toLowerCase() === 'websocket'
}

/** The target of a request as a path and a query; a proxy may send a whole URL, RFC 9112 section 3.2.2. */
export function targetOf({ url = '/' }: IncomingMessage): string {
  if (url.startsWith('/')) return url
  const [, rest] = /^https?:\/\/[^/?#]+(.*)$/i.exec(url) ?? []
  if (rest === undefined) return url
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** The path of a target in its one spelling, without its query and without a slash at its end. */
export function pathOf(target: string): string {
  const path = normalPath(target.slice(0, pathEnd(target)))
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** The query of a target, with the question mark before it; empty if there is none. */
export function queryOf(target: string): string {
  return target.slice(pathEnd(target))
}

function pathEnd(target: string): number {
  const mark = target.indexOf('?')
  return mark < 0 ? target.length : mark
}
