import { STATUS_CODES } from 'node:http'
import type { LimitName } from '../core/observer.js'
import type { HttpObserver } from './handler.js'
import type { OwnedSocket } from './sockets.js'

/** What Node says of a client that never made a request. Failures of TLS are counted as such, by `tlsClientError`. */
interface BadRequest {
  readonly limit: LimitName
  /** The status of the response, where HTTP is spoken at all. */
  readonly status?: number
}

/**
 * Ends a connection on which no request came that can be read, and says why. A connection that just broke has
 * broken no rule.
 */
export function refuseBadRequest(
  { code = '' }: NodeJS.ErrnoException,
  socket: OwnedSocket,
  { limited }: Pick<HttpObserver, 'limited'>,
): void {
  const bad = badRequestOf(code)
  if (bad) limited(bad.limit, socket)
  if (bad?.status !== undefined && socket.writable) {
    socket.write(`HTTP/1.1 ${bad.status} ${STATUS_CODES[bad.status]}\r\nConnection: close\r\n\r\n`)
  }
  socket.destroy()
}

function badRequestOf(code: string): BadRequest | undefined {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { limit: 'handshake-timeout', status: 408 }
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return { limit: 'handshake-timeout' }
  if (code === 'HPE_HEADER_OVERFLOW') return { limit: 'headers', status: 431 }
  if (code.startsWith('HPE_')) return { limit: 'bad-request', status: 400 }
  return undefined
}
