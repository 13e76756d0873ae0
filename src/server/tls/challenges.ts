import { createServer, type Server } from 'node:http'
import type { ServerOptions, Server as TlsServer } from 'node:https'
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { Authorization, CryptoInterface } from 'acme-client'
import { listen } from '../listener.js'
import { HTTP_1_1 } from './certificate.js'

/** A way to prove to an authority that a domain leads here. */
export interface Challenges {
  readonly type: 'tls-alpn-01' | 'http-01'
  /** The port to which the authority comes. */
  readonly port: number
  /** What the relay's server needs for it. */
  readonly options: ServerOptions
  /** Gets ready to prove. */
  begin(server: TlsServer): Promise<void>
  /** Proves one domain from now on. */
  add(authorization: Authorization, token: string, answer: string): Promise<void>
  /** Proves nothing any more. */
  end(): void
}

const ACME = 'acme-tls/1'

/** RFC 8737: a certificate with the proof in it, for whoever asks the relay's own port for `acme-tls/1`. */
export class TlsAlpnChallenges implements Challenges {
  readonly type = 'tls-alpn-01'
  readonly port = 443
  readonly options: ServerOptions
  readonly #crypto: CryptoInterface
  readonly #pending = new Map<string, SecureContext>()
  #server: TlsServer | undefined

  constructor(crypto: CryptoInterface) {
    this.#crypto = crypto
    const pending = this.#pending
    this.options = {
      ALPNCallback(this: TLSSocket, { servername, protocols }) {
        const proof = protocols.includes(ACME) ? pending.get(servername) : undefined
        if (!proof) return protocols.includes(HTTP_1_1) ? HTTP_1_1 : undefined
        this.setKeyCert(proof)
        return ACME
      },
    }
  }

  async begin(server: TlsServer): Promise<void> {
    // Before HTTP takes the socket.
    this.#server = server.prependListener('secureConnection', hangUpOnAuthority)
  }

  async add({ identifier, ...rest }: Authorization, _token: string, answer: string): Promise<void> {
    // The RSA key that would come by default takes long to make.
    const own = await this.#crypto.createPrivateEcdsaKey()
    const [key, cert] = await this.#crypto.createAlpnCertificate({ identifier, ...rest }, answer, own)
    this.#pending.set(identifier.value, createSecureContext({ key, cert }))
  }

  end(): void {
    this.#pending.clear()
    this.#server?.off('secureConnection', hangUpOnAuthority)
  }
}

/** RFC 8737 section 3: the handshake says all, and nothing follows it. */
function hangUpOnAuthority(socket: TLSSocket): void {
  if (socket.alpnProtocol === ACME) socket.destroy()
}

const PATH = '/.well-known/acme-challenge/'
const DEADLINE = 5000

/** RFC 8555 section 8.3: the proof as a file, on a port that is open only while it is asked for. */
export class HttpChallenges implements Challenges {
  readonly type = 'http-01'
  readonly port = 80
  readonly options = { ALPNProtocols: [HTTP_1_1] }
  readonly #where: { acmeHttpPort: number; host: string }
  readonly #answers = new Map<string, string>()
  #server: Server | undefined

  constructor(where: { acmeHttpPort: number; host: string }) {
    this.#where = where
  }

  async begin(): Promise<void> {
    const server = createServer({ headersTimeout: DEADLINE, requestTimeout: DEADLINE }, ({ url = '' }, response) => {
      const answer = url.startsWith(PATH) ? this.#answers.get(url.slice(PATH.length)) : undefined
      response.writeHead(answer === undefined ? 404 : 200, { 'Content-Type': 'text/plain', Connection: 'close' })
      response.end(answer)
    })
    await listen(server, this.#where.acmeHttpPort, this.#where.host)
    this.#server = server
  }

  async add(_authorization: Authorization, token: string, answer: string): Promise<void> {
    this.#answers.set(token, answer)
  }

  end(): void {
    this.#answers.clear()
    this.#server?.close().closeAllConnections()
  }
}
