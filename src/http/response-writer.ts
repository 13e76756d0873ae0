import { type ServerResponse, STATUS_CODES } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import type { Response, ResponseHeaders } from './response.js'
import type { OwnedSocket } from './sockets.js'

/** How long a client may take to read the end of a connection before its socket is cut, in milliseconds. */
const HANG_UP_TIMEOUT = 5000

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** Writes a response where HTTP has the socket. */
export function writeResponse(to: ServerResponse, response: Response): void {
  const { status, headers, body } = complete(response, to.req.method)
  to.writeHead(status, headers)
  if (body instanceof Readable) {
    // A client that leaves before the end is no fault.
    pipeline(body, to, () => {})
  } else to.end(body)
}

/** Writes a response to a socket that HTTP has let go of, and closes it. */
export function hangUpWith(socket: OwnedSocket, response: Response, method?: string): void {
  if (socket.destroyed) {
    if (response.body instanceof Readable) response.body.destroy()
    return
  }
  const { status, headers, body } = complete(response, method)
  const lines = Object.entries({ ...headers, Connection: 'close' }).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${one}\r\n`),
  )
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`)
  if (body instanceof Readable) {
    destroyWhenWritten(socket)
    pipeline(body, socket, () => socket.destroy())
  } else endWith(socket, body)
}

/** Writes the last bytes that a client gets, and closes its socket. */
export function endWith(socket: OwnedSocket, last: string | Buffer): void {
  destroyWhenWritten(socket)
  const deadline = setTimeout(() => socket.destroy(), HANG_UP_TIMEOUT)
  socket.on('close', () => clearTimeout(deadline))
  socket.end(last)
}

/** What the client sent behind its request is never read: only destroying the socket ends it for sure. */
function destroyWhenWritten(socket: OwnedSocket): void {
  socket.once('finish', () => void socket.destroy())
}

/** A response as it is sent: with all its headers, and without its body if only the head was asked for. */
function complete({ status, headers, body }: Response, method = 'GET'): Response {
  const all = { ...SECURITY_HEADERS, ...lengthOf(status, body), ...headers }
  if (method !== 'HEAD') return { status, headers: all, body }
  if (body instanceof Readable) body.destroy()
  return { status, headers: all, body: '' }
}

/** RFC 9110 section 8.6: 204 has no length, and that of 304 would be the length of the page which has not changed. */
function lengthOf(status: number, body: Response['body']): ResponseHeaders {
  if (status === 204 || status === 304 || body instanceof Readable) return {}
  return { 'Content-Length': String(Buffer.byteLength(body)) }
}
