import type { ServerOptions, Server as TlsServer } from 'node:https'
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { Authorization, CryptoInterface } from 'acme-client'
import { HTTP_1_1 } from './certificate.js'
import type { PlainHttp } from './plain-http.js'

/** A way to prove to an authority that a domain points here. */
export interface Challenges {
  readonly type: 'tls-alpn-01' | 'http-01'
  /** The port that the authority connects to. */
  readonly port: number
  /** The options that the relay's server needs for it. */
  readonly options: ServerOptions
  /** Prepares the proofs. */
  begin(server: TlsServer): Promise<void>
  /** Starts to prove one domain. */
  add(authorization: Authorization, token: string, answer: string): Promise<void>
  /** Stops all proofs. */
  end(): Promise<void>
}

const ACME = 'acme-tls/1'

/** RFC 8737: a certificate with the proof in it, for clients that ask the relay's own port for `acme-tls/1`. */
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
    // This must come before HTTP takes the socket.
    this.#server = server.prependListener('secureConnection', hangUpOnAuthority)
  }

  async add({ identifier, ...rest }: Authorization, _token: string, answer: string): Promise<void> {
    // The default is an RSA key, which takes long to generate.
    const own = await this.#crypto.createPrivateEcdsaKey()
    const [key, cert] = await this.#crypto.createAlpnCertificate({ identifier, ...rest }, answer, own)
    this.#pending.set(identifier.value, createSecureContext({ key, cert }))
  }

  async end(): Promise<void> {
    this.#pending.clear()
    this.#server?.off('secureConnection', hangUpOnAuthority)
  }
}

/** RFC 8737 section 3: the handshake is the proof, and nothing follows it. */
function hangUpOnAuthority(socket: TLSSocket): void {
  if (socket.alpnProtocol === ACME) socket.destroy()
}

/** RFC 8555 section 8.3: the proof as a file, on a port of plain HTTP. */
export class HttpChallenges implements Challenges {
  readonly type = 'http-01'
  readonly port = 80
  readonly options = { ALPNProtocols: [HTTP_1_1] }
  readonly #plain: PlainHttp

  constructor(plain: PlainHttp) {
    this.#plain = plain
  }

  async begin(): Promise<void> {
    await this.#plain.beginProofs()
  }

  async add(_authorization: Authorization, token: string, answer: string): Promise<void> {
    this.#plain.proofs.set(token, answer)
  }

  async end(): Promise<void> {
    await this.#plain.endProofs()
  }
}
