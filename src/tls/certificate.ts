import type { ServerOptions, Server as TlsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import type { Validity } from './validity.js'

/** A source of a relay's certificate, which also keeps it valid. */
export interface Certificate {
  /** The TLS options of the server. */
  readonly options: ServerOptions
  /**
   * Gives every newer certificate to a listening server. Open connections notice nothing.
   *
   * @returns A function that stops this.
   */
  serve(server: TlsServer): () => void
  /** Reads the certificate's files again, if there are any and the server listens. */
  reload?(): void
  /** The dates of the certificate; undefined while there is none, and handshakes fail. */
  readonly validity: Validity | undefined
  /** What is wrong with the certificate, except its dates, as a public text. */
  healthIssue(): string | undefined
}

/**
 * TLS 1.2 and 1.3, only with forward secrecy and authenticated encryption. For TLS 1.2 this is Node's own list without
 * RSA key exchange and CBC, which is Mozilla's "intermediate" list.
 * https://wiki.mozilla.org/Security/Server_Side_TLS
 */
export const SECURE = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
} as const satisfies SecureContextOptions

/** Only HTTP/1.1, because WebSockets upgrade from it. */
export const HTTP_1_1 = 'http/1.1'
