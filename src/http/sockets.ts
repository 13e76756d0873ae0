import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

declare const owned: unique symbol

/** A socket that has a listener for errors. Only {@link ignoreErrors} makes one. All that write to a socket ask for one. */
export type OwnedSocket = Socket & { readonly [owned]: true }

/** Takes an upgrade. */
export type TakeUpgrade = (request: IncomingMessage, socket: OwnedSocket, head: Buffer) => void

/**
 * Listens to the errors of a socket until its end. HTTP takes its own listener off a socket that it hands over, and an
 * error without a listener ends the process. Call it in the turn in which the socket comes.
 */
export function ignoreErrors(socket: Duplex): OwnedSocket {
  if (socket.listenerCount('error', ignore) === 0) socket.on('error', ignore)
  // Node's types allow for any stream that somebody hands to a server; servers themselves accept sockets.
  return socket as unknown as OwnedSocket
}

/** A socket's `close` follows its `error`, and says all that matters. */
function ignore(): void {}

/**
 * Hands the upgrades of a server on, each behind the answers to the requests before it. If that throws, the socket is
 * closed.
 *
 * @returns Stops that.
 */
export function onUpgrade(server: Server, take: TakeUpgrade, failed: (error: unknown) => void): () => void {
  const listener = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const socket = ignoreErrors(stream)
    afterAnswers(socket, () => {
      // One of the answers may have ended the connection.
      if (!socket.writable) return
      try {
        take(request, socket, head)
      } catch (error) {
        failed(error)
        socket.destroy()
      }
    })
  }
  server.on('upgrade', listener)
  return () => void server.off('upgrade', listener)
}

/**
 * Waits until all requests of a socket are answered. Otherwise their answers would end up among the frames of the
 * WebSocket. Node keeps the response that has its turn in `_httpMessage`, from the request until the answer is
 * written; there is no public way to ask.
 */
function afterAnswers(socket: OwnedSocket, proceed: () => void): void {
  const { _httpMessage } = socket as { _httpMessage?: ServerResponse | null }
  if (_httpMessage) _httpMessage.once('close', () => afterAnswers(socket, proceed))
  else proceed()
}

/** The sockets of a server on which no WebSocket is open: nothing else can close them all. */
export class Sockets {
  readonly #open = new Set<Socket>()
  readonly #onClose: (this: Socket) => void

  constructor() {
    const open = this.#open
    this.#onClose = function () {
      open.delete(this)
    }
  }

  /** Takes a socket that the server has accepted, before anything else is done with it, and keeps it until it closes. */
  accept(socket: Socket): OwnedSocket {
    this.#open.add(socket)
    return ignoreErrors(socket.on('close', this.#onClose))
  }

  /** Leaves a socket to its next owner. */
  release(socket: Socket): void {
    if (this.#open.delete(socket)) socket.off('close', this.#onClose)
  }

  /** Cuts all of them. */
  destroy(): void {
    for (const socket of this.#open) socket.destroy()
  }
}
