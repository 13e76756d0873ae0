import type { ServerOptions, Server as TlsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import type { Validity } from './validity.js'

/** Where a relay's certificate comes from, and how it stays valid. */
export interface Certificate {
  /** What the server is made with. */
  readonly options: ServerOptions
  /**
   * Gives a listening server every newer certificate. Open connections notice nothing.
   *
   * @returns Stops that.
   */
  serve(server: TlsServer): () => void
  /** Reads the certificate's files again, if it has any and is served. */
  reload?(): void
  /** The dates of the one that is served; undefined while there is none, and handshakes fail. */
  readonly validity: Validity | undefined
  /** What is wrong with the certificate that is served, its dates apart, for everybody to read. */
  healthIssue(): string | undefined
}

/**
 * TLS 1.2 and 1.3, with forward secrecy and authenticated encryption alone: of Node's own list for TLS 1.2
 * the half that needs neither RSA key exchange nor CBC is left, which is Mozilla's "intermediate" list.
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

/** HTTP/1.1 alone, since WebSockets upgrade from it. */
export const HTTP_1_1 = 'http/1.1'
