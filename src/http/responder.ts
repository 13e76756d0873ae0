import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { Deadlines } from '../core/deadlines.js'
import type { HttpHandler } from './handler.js'
import { hasBody, hasTooManyHeaders } from './request.js'
import { HANG_UP, type Response, textResponse } from './response.js'
import { hangUpWith, writeResponse } from './response-writer.js'
import type { OwnedSocket } from './sockets.js'

/** How long a client may take to read a response before it is cut off, in milliseconds. */
const RESPONSE_TIMEOUT = 10_000

/** Requests of one connection whose responses may be in the making at once. Only a client that pipelines has more than one. */
const MAX_WAITING = 4

/** Has responses made and written, and cuts off clients that do not read them. */
export class Responder {
  readonly #handler: Pick<HttpHandler, 'respond' | 'failed' | 'limited'>
  readonly #timeout: number
  /** How many requests of a socket wait for their responses. */
  readonly #waiting = new WeakMap<Socket, number>()
  /**
   * Node ends connections that are idle or do not send; for one that pipelines requests and reads no
   * response it waits for ever.
   */
  readonly #deadlines = new Deadlines<Socket>((socket) => {
    if (socket.destroyed) return
    this.#handler.limited('answer-timeout', socket)
    socket.destroy()
  })

  constructor(handler: Pick<HttpHandler, 'respond' | 'failed' | 'limited'>, timeout = RESPONSE_TIMEOUT) {
    this.#handler = handler
    this.#timeout = timeout
  }

  /** Responds to a request. */
  respond(request: IncomingMessage, to: ServerResponse): void {
    // What a body would say is of no interest, and may be gigabytes: it is not read, and no request follows it.
    if (hasBody(request)) to.shouldKeepAlive = false
    else request.resume()
    // A response that takes its time, such as one that checks a token, would be made for all that came in one read.
    if ((this.#waiting.get(request.socket) ?? 0) >= MAX_WAITING) {
      if (!request.socket.destroyed) this.#handler.limited('requests', request.socket)
      request.socket.destroy()
      return
    }
    this.#make(request, (response) => {
      writeResponse(to, response)
      if (response.body instanceof Readable) return
      const deadline = this.#deadlines.set(request.socket, this.#timeout)
      to.once('finish', () => this.#deadlines.cancel(deadline))
    })
  }

  /** Responds to a request whose socket HTTP has let go of, and hangs up. */
  respondAndHangUp(request: IncomingMessage, socket: OwnedSocket): void {
    this.#make(request, (response) => hangUpWith(socket, response, request.method))
  }

  /** Lets go of the timer. */
  stop(): void {
    this.#deadlines.clear()
  }

  #make(request: IncomingMessage, write: (response: Response) => void): void {
    const { socket } = request
    const send = (response: Response): void => {
      try {
        write(response)
      } catch (error) {
        // Part of the response may be written, and a second one cannot follow it.
        this.#handler.failed(error)
        if (response.body instanceof Readable) response.body.destroy()
        socket.destroy()
      }
    }
    const fail = (error: unknown): void => {
      this.#handler.failed(error)
      send(INTERNAL_ERROR)
    }
    if (hasTooManyHeaders(request)) {
      this.#handler.limited('headers', socket)
      send(TOO_MANY_HEADERS)
      return
    }
    try {
      const made = this.#handler.respond(request)
      if (made instanceof Promise) this.#await(socket, made).then(send, fail)
      else send(made)
    } catch (error) {
      fail(error)
    }
  }

  async #await(socket: Socket, made: Promise<Response>): Promise<Response> {
    this.#waiting.set(socket, (this.#waiting.get(socket) ?? 0) + 1)
    try {
      return await made
    } finally {
      this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1)
    }
  }
}

const INTERNAL_ERROR = textResponse(500, 'Internal error\n', HANG_UP)
const TOO_MANY_HEADERS = textResponse(431, 'Too many headers\n', HANG_UP)
