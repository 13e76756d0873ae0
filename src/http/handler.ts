import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { LimitName } from '../core/observer.js'
import type { Response } from './response.js'
import type { OwnedSocket } from './sockets.js'

/** Called for what goes wrong in a server. */
export interface HttpObserver {
  /** A client was turned away before it had said anything of use. */
  limited(limit: LimitName, socket: Socket | undefined): void
  /** A response could not be made, or not be written. */
  failed(error: unknown): void
  /** A connection could not be accepted. */
  acceptFailed(error: Error): void
}

/** What a server does with what comes. */
export interface HttpHandler extends HttpObserver {
  /** Whether a TCP connection may stay. */
  accept?(socket: Socket): boolean
  /** Makes the response to a plain request. */
  respond(request: IncomingMessage): Response | Promise<Response>
  /** Takes a WebSocket's handshake; true if the socket is a WebSocket from now on. */
  upgrade(request: IncomingMessage, socket: OwnedSocket, head: Buffer): boolean
}
