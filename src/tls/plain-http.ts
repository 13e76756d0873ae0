import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpObserver } from '../http/handler.js'
import { listen } from '../http/listen.js'
import { targetOf } from '../http/request.js'
import { HANG_UP, type Response, textResponse } from '../http/response.js'
import { hangUpWith } from '../http/response-writer.js'
import { createHttpServer, type HttpServer } from '../http/server.js'
import type { Settings } from '../options/index.js'

/** RFC 8555 section 8.3. */
const PROOFS = '/.well-known/acme-challenge/'

/** A name or an address, with an optional port, RFC 9110 section 7.2. */
const HOST = /^(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d*)?$/i

const HTTPS = 443

/** Plain HTTP beside TLS: the proofs of `http-01`, and the redirect to https if `redirectPort` is set. */
export class PlainHttp {
  /** The answers to an authority, by its tokens. */
  readonly proofs = new Map<string, string>()
  readonly #settings: Settings
  readonly #observer: HttpObserver
  #redirect: HttpServer | undefined
  #proving: HttpServer | undefined

  constructor(settings: Settings, observer: HttpObserver) {
    this.#settings = settings
    this.#observer = observer
  }

  /**
   * Redirects plain HTTP on `redirectPort` to https, if that is set.
   *
   * @param port The port of TLS; undefined until it is open.
   * @returns The address in use.
   * @throws {ListenError} If the port is taken, or needs privileges.
   */
  async redirect(port: () => number | undefined): Promise<AddressInfo | undefined> {
    const { redirectPort, host } = this.#settings
    if (redirectPort === undefined) return undefined
    this.#redirect = this.#create((request) => this.#prove(request) ?? redirectTo(request, port()))
    return await listen(this.#redirect.server, redirectPort, host)
  }

  /**
   * Serves the proofs, on `acmeHttpPort`.
   *
   * @throws {ListenError} If the port is taken, or needs privileges.
   */
  async beginProofs(): Promise<void> {
    const { acmeHttpPort, redirectPort, host } = this.#settings
    if (acmeHttpPort === redirectPort) return
    this.#proving = this.#create((request) => this.#prove(request) ?? textResponse(404, 'Not found\n', HANG_UP))
    await listen(this.#proving.server, acmeHttpPort, host)
  }

  async endProofs(): Promise<void> {
    this.proofs.clear()
    await this.#proving?.stop()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#redirect?.stop(), this.endProofs()])
  }

  #create(respond: (request: IncomingMessage) => Response): HttpServer {
    return createHttpServer(this.#settings, undefined, {
      ...this.#observer,
      respond,
      upgrade: (request, socket) => {
        hangUpWith(socket, respond(request), request.method)
        return false
      },
    })
  }

  #prove(request: IncomingMessage): Response | undefined {
    const target = targetOf(request)
    const proof = target.startsWith(PROOFS) ? this.proofs.get(target.slice(PROOFS.length)) : undefined
    return proof === undefined ? undefined : textResponse(200, proof, HANG_UP)
  }
}

/** Redirects to the same place in https. 308 keeps the method. */
function redirectTo(request: IncomingMessage, port: number | undefined): Response {
  if (port === undefined) return textResponse(503, 'Starting\n', HANG_UP)
  const [, name] = HOST.exec(request.headers.host ?? '') ?? []
  if (name === undefined) return textResponse(400, 'Missing or bad Host\n', HANG_UP)
  const target = targetOf(request)
  const origin = `https://${name}${port === HTTPS ? '' : `:${port}`}`
  const location = `${origin}${target.startsWith('/') ? target : '/'}`
  return textResponse(308, 'Use https\n', { ...HANG_UP, Location: location })
}
