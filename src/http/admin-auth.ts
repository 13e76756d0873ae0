import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** Lets those to the administrative pages who know the token. */
export class AdminAuth {
  readonly #digest: Buffer
  readonly #onGuess: (request: IncomingMessage) => void

  /** @param onGuess Called for each wrong token. */
  constructor(token: string, onGuess: (request: IncomingMessage) => void) {
    this.#digest = digestOf(token)
    this.#onGuess = onGuess
  }

  /** Whether the request has the token; as far as its time shows, a guess that is nearly right is as wrong as any. */
  admits(request: IncomingMessage): boolean {
    const { authorization } = request.headers
    if (authorization === undefined) return false
    return this.knows(tokenOf(authorization), request)
  }

  /** The same for a token that came with a request in another way. */
  knows(token: string, request: IncomingMessage): boolean {
    const right = timingSafeEqual(digestOf(token), this.#digest)
    if (!right) this.#onGuess(request)
    return right
  }
}

/** What a 401 asks for, RFC 9110 section 11.6.1. Each is a header of its own: browsers read but the first in one. */
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
