import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

declare const owned: unique symbol

/** A socket whose errors are heard. Only {@link own} makes one, and whoever writes to a socket asks for one. */
export type OwnedSocket = Socket & { readonly [owned]: true }

/** Takes an upgrade. */
export type TakeUpgrade = (request: IncomingMessage, socket: OwnedSocket, head: Buffer) => void

/**
 * Hears the errors of a socket until its end. HTTP takes its own listener off a socket that it hands over, and a
 * reset that nobody hears ends the process. Called in the turn in which the socket comes.
 */
export function own(socket: Duplex): OwnedSocket {
  if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore)
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
    const socket = own(stream)
    afterAnswers(socket, () => {
      // An answer may have been the last of its connection.
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
 * Waits until no request of a socket is unanswered: what is written earlier would come before the answer, and the
 * answer among the frames of a WebSocket. Node keeps the response that has its turn in `_httpMessage`, from the
 * request until the answer is written, and says so nowhere else.
 */
function afterAnswers(socket: OwnedSocket, proceed: () => void): void {
  const { _httpMessage } = socket as { _httpMessage?: ServerResponse | null }
  if (_httpMessage) _httpMessage.once('close', () => afterAnswers(socket, proceed))
  else proceed()
}

/** What a server has accepted and nobody else would close: connections on which no WebSocket was opened yet. */
export class Sockets {
  readonly #open = new Set<Socket>()
  readonly #onClose: (this: Socket) => void

  constructor() {
    const open = this.#open
    this.#onClose = function () {
      open.delete(this)
    }
  }

  /** Owns what a server accepts, before anything else is done with it, and keeps it until it closes. */
  accept(socket: Socket): OwnedSocket {
    this.#open.add(socket)
    return own(socket.on('close', this.#onClose))
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
