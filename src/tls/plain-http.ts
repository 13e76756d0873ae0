import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerOf, HANG_UP, text } from '../http/routes.js'
import { createHttpServer, type Handler, type HttpServer, listen } from '../http/server.js'
import type { Settings } from '../options/index.js'
import { type Answer, hangUpWith, targetOf } from '../websocket/handshake.js'

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
  readonly #handler: Pick<Handler, 'limited' | 'failed' | 'acceptFailed'>
  #redirect: HttpServer | undefined
  #proving: HttpServer | undefined

  constructor(settings: Settings, handler: Pick<Handler, 'limited' | 'failed' | 'acceptFailed'>) {
    this.#settings = settings
    this.#handler = handler
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
    this.#redirect = this.#create((request) => this.#prove(request) ?? redirectionOf(request, port()))
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
    this.#proving = this.#create((request) => this.#prove(request) ?? plain(request, 404, 'Not found\n'))
    await listen(this.#proving.server, acmeHttpPort, host)
  }

  async endProofs(): Promise<void> {
    this.proofs.clear()
    await this.#proving?.stop()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#redirect?.stop(), this.endProofs()])
  }

  #create(answer: (request: IncomingMessage) => Answer): HttpServer {
    return createHttpServer(this.#settings, undefined, {
      ...this.#handler,
      answer,
      upgrade: (request, socket) => {
        hangUpWith(socket, answer(request))
        return false
      },
    })
  }

  #prove(request: IncomingMessage): Answer | undefined {
    const target = targetOf(request)
    const proof = target.startsWith(PROOFS) ? this.proofs.get(target.slice(PROOFS.length)) : undefined
    return proof === undefined ? undefined : plain(request, 200, proof)
  }
}

/** Redirects to the same place in https. 308 keeps the method. */
function redirectionOf(request: IncomingMessage, port: number | undefined): Answer {
  if (port === undefined) return plain(request, 503, 'Starting\n')
  const [, name] = HOST.exec(request.headers.host ?? '') ?? []
  if (name === undefined) return plain(request, 400, 'Missing or bad Host\n')
  const target = targetOf(request)
  const origin = `https://${name}${port === HTTPS ? '' : `:${port}`}`
  return plain(request, 308, 'Use https\n', { Location: `${origin}${target.startsWith('/') ? target : '/'}` })
}

function plain({ method = 'GET' }: IncomingMessage, status: number, body: string, headers = {}): Answer {
  return answerOf(method, text(status, body, { ...HANG_UP, ...headers }))
}
