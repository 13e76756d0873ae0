import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { choiceOf } from '../auth/bearer.js'
import type { CloseReason } from '../core/close-reasons.js'
import { closeFrame } from '../core/frame.js'
import { hasTooManyHeaders, targetOf } from '../http/request.js'
import { type TextResponse, textResponse } from '../http/response.js'
import { endWith } from '../http/response-writer.js'
import type { OwnedSocket } from '../http/sockets.js'

/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** 16 bytes in base64, RFC 6455 section 4.1. */
const KEY = /^[+/0-9A-Za-z]{22}==$/

/** RFC 9110 section 5.6.2: what a subprotocol's name is made of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** The refusal of a handshake that breaks RFC 6455 section 4.2.1; undefined if it does not. */
export function refusalOf(request: IncomingMessage): TextResponse | undefined {
  const { method, headers } = request
  if (hasTooManyHeaders(request)) return textResponse(431, 'Too many headers')
  if (method !== 'GET') return textResponse(405, 'The method must be GET', { Allow: 'GET' })
  if (headers['sec-websocket-version'] !== '13') {
    const headers = { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }
    return textResponse(426, 'The WebSocket version must be 13', headers)
  }
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) return textResponse(400, 'Missing or bad Sec-WebSocket-Key')
  if (headers.host === undefined) return textResponse(400, 'Missing Host')
  if (!targetOf(request).startsWith('/')) return textResponse(400, 'The request target must be a path')
  const protocols = headers['sec-websocket-protocol']
  if (protocols !== undefined && !protocols.split(',').every((name) => TOKEN.test(name.trim()))) {
    return textResponse(400, 'Bad Sec-WebSocket-Protocol')
  }
  return undefined
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

/** Refuses an upgrade with a close code: opens the WebSocket, and closes it at once. */
export function closeAtOnce(request: IncomingMessage, socket: OwnedSocket, reason: CloseReason): void {
  accept(request, socket)
  endWith(socket, closeFrame(reason))
}
