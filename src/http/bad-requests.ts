import { STATUS_CODES } from 'node:http'
import type { LimitName } from '../core/observer.js'
import type { OwnedSocket } from './sockets.js'

/** What Node says of a client that never made a request. Failures of TLS are counted as such, by `tlsClientError`. */
interface Fault {
  readonly limit: LimitName
  /** What to answer, where HTTP is spoken at all. */
  readonly status?: number
}

/**
 * Ends a connection on which no request came that can be read, and says for what. One that just broke has
 * broken no rule.
 */
export function turnAway(
  { code = '' }: NodeJS.ErrnoException,
  socket: OwnedSocket,
  { limited }: { limited(limit: LimitName, socket: OwnedSocket): void },
): void {
  const fault = faultOf(code)
  if (fault) limited(fault.limit, socket)
  if (fault?.status !== undefined && socket.writable) {
    socket.write(`HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status]}\r\nConnection: close\r\n\r\n`)
  }
  socket.destroy()
}

function faultOf(code: string): Fault | undefined {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { limit: 'handshake-timeout', status: 408 }
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return { limit: 'handshake-timeout' }
  if (code === 'HPE_HEADER_OVERFLOW') return { limit: 'headers', status: 431 }
  if (code.startsWith('HPE_')) return { limit: 'bad-request', status: 400 }
  return undefined
}
