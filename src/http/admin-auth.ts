import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Checks the admin token. */
export class AdminAuth {
  readonly #digest: Buffer
  readonly #onWrongToken: (request: IncomingMessage) => void

  /** @param onWrongToken Called for each wrong token. */
  constructor(token: string, onWrongToken: (request: IncomingMessage) => void) {
    this.#digest = digestOf(token)
    this.#onWrongToken = onWrongToken
  }

  /** Whether the request has the token. The time that this takes does not show how much of a guess is right. */
  admits(request: IncomingMessage): boolean {
    const { authorization } = request.headers
    if (authorization === undefined) return false
    return this.knows(tokenOf(authorization), request)
  }

  /** The same for a token that came with a request in another way. */
  knows(token: string, request: IncomingMessage): boolean {
    const right = timingSafeEqual(digestOf(token), this.#digest)
    if (!right) this.#onWrongToken(request)
    return right
  }
}

/** The schemes of a 401, RFC 9110 section 11.6.1. Each is a header of its own: browsers read only the first in one. */
export const CHALLENGES = ['Basic realm="Baton", charset="UTF-8"', 'Bearer realm="Baton"']

/** The token of RFC 6750, as Prometheus sends it, or the password of RFC 7617, which a browser asks for. */
function tokenOf(authorization: string): string {
  const [, scheme = '', credentials = ''] = /^(Bearer|Basic) +(\S+) *$/i.exec(authorization) ?? []
  if (scheme.toLowerCase() !== 'basic') return credentials
  const pair = Buffer.from(credentials, 'base64').toString()
  return pair.slice(pair.indexOf(':') + 1)
}

/** Digests are of one length, whatever the length of what was sent. */
function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}
