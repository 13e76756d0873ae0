import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { Deadlines } from '../core/deadlines.js'
import { type Answer, hangUpWith, hasTooManyHeaders } from '../websocket/handshake.js'
import { answerOf, HANG_UP, text } from './routes.js'
import type { OwnedSocket } from './sockets.js'

/** How long a client may take to read an answer before it is cut off, in milliseconds. */
const ANSWER_TIMEOUT = 10_000

/** Requests of one connection whose pages may be in the making at once. Only who pipelines has more than one. */
const MAX_WAITING = 4

/** What makes the answers. */
interface Source {
  answer(request: IncomingMessage): Answer | Promise<Answer>
  /** Called with the fault when there is none; the client gets 500. */
  failed(error: unknown): void
  /** Hears of requests with too many headers, of too many requests at once, and of clients that do not read their answers, before they are cut off. */
  limited(limit: 'headers' | 'requests' | 'answer-timeout', socket: Socket): void
}

/** Writes answers, and cuts off clients that do not read them. */
export class Responder {
  readonly #source: Source
  readonly #timeout: number
  /** How many requests of a socket wait for their pages. */
  readonly #waiting = new WeakMap<Socket, number>()
  /**
   * Node ends connections that are idle or do not send; for one that pipelines requests and reads no
   * answer it waits for ever.
   */
  readonly #deadlines = new Deadlines<Socket>((socket) => {
    if (socket.destroyed) return
    this.#source.limited('answer-timeout', socket)
    socket.destroy()
  })

  constructor(source: Source, timeout = ANSWER_TIMEOUT) {
    this.#source = source
    this.#timeout = timeout
  }

  /** Answers a request. */
  respond(request: IncomingMessage, response: ServerResponse): void {
    // What a body would say is of no interest, and may be gigabytes: it is not read, and no request follows it.
    if (hasBody(request)) response.shouldKeepAlive = false
    else request.resume()
    // A page that takes its time, such as one that checks a token, would be made for all that came in one read.
    if ((this.#waiting.get(request.socket) ?? 0) >= MAX_WAITING) {
      if (!request.socket.destroyed) this.#source.limited('requests', request.socket)
      request.socket.destroy()
      return
    }
    this.#make(request, ({ status, headers, body }) => {
      response.writeHead(status, headers)
      if (body instanceof Readable) {
        // A client that leaves before the end is no fault.
        pipeline(body, response, () => {})
        return
      }
      const deadline = this.#deadlines.set(request.socket, this.#timeout)
      response.once('finish', () => this.#deadlines.cancel(deadline))
      response.end(body)
    })
  }

  /** Answers a request whose socket HTTP has let go of, and hangs up. */
  respondAndHangUp(request: IncomingMessage, socket: OwnedSocket): void {
    this.#make(request, (made) => hangUpWith(socket, made))
  }

  /** Lets go of the timer. */
  stop(): void {
    this.#deadlines.clear()
  }

  #make(request: IncomingMessage, write: (answer: Answer) => void): void {
    const { socket } = request
    const send = (answer: Answer): void => {
      try {
        write(answer)
      } catch (error) {
        // Part of the answer may be written, and a second one cannot follow it.
        this.#source.failed(error)
        if (answer.body instanceof Readable) answer.body.destroy()
        socket.destroy()
      }
    }
    const refuse = (status: number, why: string): void => {
      send(answerOf(request.method ?? 'GET', text(status, why, HANG_UP)))
    }
    const fail = (error: unknown): void => {
      this.#source.failed(error)
      refuse(500, 'Internal error\n')
    }
    if (hasTooManyHeaders(request)) {
      this.#source.limited('headers', socket)
      refuse(431, 'Too many headers\n')
      return
    }
    try {
      const made = this.#source.answer(request)
      if (made instanceof Promise) this.#await(socket, made).then(send, fail)
      else send(made)
    } catch (error) {
      fail(error)
    }
  }

  async #await(socket: Socket, made: Promise<Answer>): Promise<Answer> {
    this.#waiting.set(socket, (this.#waiting.get(socket) ?? 0) + 1)
    try {
      return await made
    } finally {
      this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1)
    }
  }
}

/** RFC 9112 section 6. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
