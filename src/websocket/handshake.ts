import { hash } from 'node:crypto'
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { choiceOf } from '../auth/bearer.js'
import type { Hello } from '../core/authority.js'
import type { CloseReason } from '../core/close-reasons.js'
import { closeFrame } from '../core/frame.js'
import { ownText } from '../core/own.js'
import { normalPath } from '../dialects/path.js'
import type { OwnedSocket } from '../http/sockets.js'

/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** 16 bytes in base64, RFC 6455 section 4.1. */
const KEY = /^[+/0-9A-Za-z]{22}==$/

/** RFC 9110 section 5.6.2: what a subprotocol's name is made of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** An answer in HTTP. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: string | Buffer | Readable
}

/** Why an upgrade is answered with HTTP. */
export interface Refusal {
  readonly status: number
  readonly text: string
  readonly headers?: Readonly<Record<string, string>>
}

/** How long a client may take to read an answer before it is cut off, in milliseconds. */
const ANSWER_TIMEOUT = 5000

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

/** More than any client and the proxies on its way send. */
const MAX_HEADERS = 100

/** Node drops what is beyond its own limit without a word, and with it perhaps what a proxy has added. */
export const HEADERS_READ = MAX_HEADERS + 1

/** Whether a request has more headers than are read. */
export function hasTooManyHeaders({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.length > 2 * MAX_HEADERS
}

/** What is wrong with a handshake, RFC 6455 section 4.2.1, if anything is. */
export function faultOf(request: IncomingMessage): Refusal | undefined {
  const { method, headers } = request
  if (hasTooManyHeaders(request)) return { status: 431, text: 'Too many headers' }
  if (method !== 'GET') return { status: 405, text: 'The method must be GET', headers: { Allow: 'GET' } }
  if (headers['sec-websocket-version'] !== '13') {
    const headers = { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }
    return { status: 426, text: 'The WebSocket version must be 13', headers }
  }
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) return { status: 400, text: 'Missing or bad Sec-WebSocket-Key' }
  if (headers.host === undefined) return { status: 400, text: 'Missing Host' }
  if (!targetOf(request).startsWith('/')) return { status: 400, text: 'The request target must be a path' }
  const protocols = headers['sec-websocket-protocol']
  if (protocols !== undefined && !protocols.split(',').every((name) => TOKEN.test(name.trim()))) {
    return { status: 400, text: 'Bad Sec-WebSocket-Protocol' }
  }
  return undefined
}

/** The one header of which there may be several, RFC 6265 section 3. */
const SET_COOKIE = 'set-cookie'

/**
 * What an upgrade request said, for hooks that are asked later: a copy without the request and its socket, at most
 * as long as the target and the headers. It is parsed anew each time it is read.
 */
export class UpgradeHello implements Hello {
  readonly path: string
  readonly #query: string
  /** The name and the value of each header, in lines of their own: none has a line break in it. */
  readonly #headers: string

  /**
   * @param path Where it differs from the request's, under a prefix.
   * @param asked Whether anybody may ask for the headers. If not they are left out: most relays need no copy.
   */
  constructor(request: IncomingMessage, path = pathOf(targetOf(request)), asked = true) {
    const target = targetOf(request)
    this.path = ownText(path)
    this.#query = target.slice(pathEnd(target))
    this.#headers = asked ? linesOf(request) : ''
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.#query)
  }

  get headers(): Hello['headers'] {
    if (this.#headers === '') return {}
    const lines = this.#headers.split('\n')
    const headers = new Map<string, string | string[]>()
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [name = '', value = ''] = lines.slice(i, i + 2)
      headers.set(name, name === SET_COOKIE ? [...(headers.get(name) ?? []), value] : value)
    }
    return Object.fromEntries(headers)
  }
}

function linesOf(request: IncomingMessage): string {
  const lines: string[] = []
  // A loop: `flatMap` takes seven times as long.
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === 'string') lines.push(name, value)
    else for (const each of value ?? []) lines.push(name, each)
  }
  return lines.join('\n')
}

/** The path of a URL in its one spelling, without its query and without a slash at its end. */
export function pathOf(url: string): string {
  const path = normalPath(url.slice(0, pathEnd(url)))
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function pathEnd(url: string): number {
  const mark = url.indexOf('?')
  return mark < 0 ? url.length : mark
}

/** Completes the handshake, RFC 6455 section 4.2.2. */
export function accept({ headers }: IncomingMessage, socket: OwnedSocket): void {
  const answer = hash('sha1', `${headers['sec-websocket-key']}${GUID}`, 'base64')
  // A browser gives up if none of the subprotocols that it offers is chosen.
  const protocol = choiceOf(headers['sec-websocket-protocol'])
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${answer}\r\n` +
      (protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`) +
      '\r\n',
  )
}

/** Answers an upgrade with HTTP and hangs up. */
export function refuse(socket: OwnedSocket, { status, text, headers }: Refusal): void {
  hangUpWith(socket, {
    status,
    headers: {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(text)),
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    },
    body: text,
  })
}

/** Refuses an upgrade with a close code: opens the WebSocket, and closes it at once. */
export function closeAtOnce(request: IncomingMessage, socket: OwnedSocket, reason: CloseReason): void {
  accept(request, socket)
  finish(socket, closeFrame(reason))
}

/** Writes an answer to a socket that HTTP has let go of, and closes it. */
export function hangUpWith(socket: OwnedSocket, { status, headers, body }: Answer): void {
  if (socket.destroyed) {
    if (body instanceof Readable) body.destroy()
    return
  }
  const lines = Object.entries({ ...headers, Connection: 'close' }).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${one}\r\n`),
  )
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`
  socket.write(head)
  if (body instanceof Readable) {
    destroyWhenWritten(socket)
    pipeline(body, socket, () => socket.destroy())
  } else finish(socket, body)
}

/** Writes the last that a client gets. */
function finish(socket: OwnedSocket, last: string | Buffer): void {
  destroyWhenWritten(socket)
  const deadline = setTimeout(() => socket.destroy(), ANSWER_TIMEOUT)
  socket.on('close', () => clearTimeout(deadline))
  socket.end(last)
}

/** What the client sent behind its request is never read: only destroying the socket ends it for sure. */
function destroyWhenWritten(socket: OwnedSocket): void {
  socket.once('finish', () => void socket.destroy())
}
