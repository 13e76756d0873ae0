import type { JWTPayload, ProtectedHeaderParameters } from 'jose'
import type { Claims, Denial, Hello, Right, Tokens } from '../core/authority.js'
import type { Logger } from '../observability/logger.js'
import type { Settings } from '../options/index.js'
import { tokenOf } from './bearer.js'
import { KeySet } from './key-set.js'
import { fixedKey, type Keys, KeysUnavailable, readPublicKey, type VerifyingKey } from './keys.js'
import { PeerIds, Rights } from './rights.js'

/** More than any header holds. Longer tokens are not parsed. */
const MAX_LENGTH = 16_384

/** In bytes of UTF-8. This fits the username of a TURN server, RFC 8489 section 14.3, with room for more. */
const MAX_USER = 256

/** Whether any of the options requires tokens. */
export function wantsTokens({ jwtSecret, jwtPublicKey, jwksUrl }: Settings): boolean {
  return jwtSecret !== '' || jwtPublicKey !== '' || jwksUrl !== ''
}

/** What a token says. */
export class TokenClaims implements Claims {
  readonly user: string | undefined
  readonly expires: number | undefined
  readonly rights: Rights
  readonly #peerIds: PeerIds

  constructor(user: string | undefined, expires: number | undefined, rights: Rights, peerIds: PeerIds) {
    this.user = user
    this.expires = expires
    this.rights = rights
    this.#peerIds = peerIds
  }

  mayUseId(id: string): boolean {
    return this.#peerIds.allow(id)
  }

  allows(right: Right, dialect: string, room: string): boolean {
    return this.rights.may(right, dialect, room)
  }
}

/** Checks JSON Web Tokens, RFC 7519, with the keys that the operator has set. */
export class JsonWebTokens implements Tokens {
  readonly #settings: Settings
  readonly #keys: Keys

  constructor(settings: Settings, log: Logger) {
    this.#settings = settings
    this.#keys = keysFor(settings, log)
  }

  /**
   * Loads the library before clients take all file descriptors: Node never retries a module that once failed to load.
   */
  async load(): Promise<void> {
    await import('jose')
  }

  /** Fetches the keys before a client waits for them, so that a wrong URL shows at the start. */
  prepare(): void {
    this.load().catch(() => {})
    this.#keys.current().catch(() => {})
  }

  /** What is wrong with the keys, as a public text. */
  healthIssue(): string | undefined {
    return this.#keys.healthIssue()
  }

  /** Clears the timer. */
  stop(): void {
    this.#keys.stop()
  }

  async identify(hello: Hello): Promise<TokenClaims | Denial> {
    const token = tokenOf(hello)
    return token === undefined ? 'token-missing' : await this.check(token)
  }

  async check(token: unknown): Promise<TokenClaims | Denial> {
    if (token === undefined || token === '') return 'token-missing'
    if (typeof token !== 'string' || token.length > MAX_LENGTH) return 'token-malformed'
    const header = await headerOf(token)
    if (!header) return 'token-malformed'
    if (!this.#keys.algorithms.includes(String(header.alg))) return 'token-algorithm'
    try {
      const known = await this.#keys.current()
      const outcome = await this.#verify(token, fitting(known, header))
      if (outcome !== 'token-signature') return outcome
      const renewed = await this.#keys.renewed()
      return renewed === known ? outcome : await this.#verify(token, fitting(renewed, header))
    } catch (error) {
      if (error instanceof KeysUnavailable) return 'keys-unavailable'
      throw error
    }
  }

  /** The result for the first key that fits the signature. */
  async #verify(token: string, keys: readonly VerifyingKey[]): Promise<TokenClaims | Denial> {
    const { jwtVerify, errors } = await import('jose')
    const { jwtIssuer, jwtAudience, jwtLeeway } = this.#settings
    for (const { key, algorithms } of keys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [...algorithms],
          clockTolerance: jwtLeeway / 1000,
          ...(jwtIssuer !== '' && { issuer: jwtIssuer }),
          ...(jwtAudience !== '' && { audience: jwtAudience }),
        })
        return claimsOf(payload)
      } catch (error) {
        if (!(error instanceof errors.JOSEError)) throw error
        const denial = denialOf(error)
        if (denial !== 'token-signature') return denial
      }
    }
    return 'token-signature'
  }
}

/** The keys of the options. One of the three is set. */
function keysFor(settings: Settings, log: Logger): Keys {
  const { jwtSecret, jwtPublicKey } = settings
  if (jwtSecret !== '') return fixedKey({ key: Buffer.from(jwtSecret), algorithms: ['HS256'] })
  const key = readPublicKey(jwtPublicKey)
  return key ? fixedKey(key) : new KeySet(settings, log)
}

type Header = Pick<ProtectedHeaderParameters, 'alg' | 'kid'>

/** The header of a token, not verified yet; undefined if there is none. */
async function headerOf(token: string): Promise<Header | undefined> {
  const { decodeProtectedHeader } = await import('jose')
  try {
    return decodeProtectedHeader(token)
  } catch {
    return undefined
  }
}

/** The keys that may have signed a token, RFC 7515 section 4.1.4: it need not name one. */
function fitting(keys: readonly VerifyingKey[], { alg = '', kid }: Header): readonly VerifyingKey[] {
  return keys.filter((key) => key.algorithms.includes(alg) && (kid === undefined || (key.kid ?? kid) === kid))
}

function claimsOf({ sub, exp, rooms, peerIds }: JWTPayload): TokenClaims | Denial {
  const expires = exp === undefined ? undefined : Math.floor(exp * 1000)
  if (expires !== undefined && expires <= Date.now()) return 'token-expired'
  const rights = Rights.of(rooms)
  const ids = PeerIds.of(peerIds)
  if (!rights || !ids || !isUser(sub)) return 'token-claims'
  return new TokenClaims(sub, expires, rights, ids)
}

/** The type of the claim is not checked yet. */
function isUser(sub: unknown): boolean {
  return sub === undefined || (typeof sub === 'string' && sub !== '' && Buffer.byteLength(sub) <= MAX_USER)
}

/** https://github.com/panva/jose/blob/main/docs/util/errors/README.md */
function denialOf({ code, claim }: { code: string; claim?: unknown }): Denial {
  switch (code) {
    case 'ERR_JWT_EXPIRED':
      return 'token-expired'
    case 'ERR_JOSE_ALG_NOT_ALLOWED':
    case 'ERR_JOSE_NOT_SUPPORTED':
      return 'token-algorithm'
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
      return 'token-signature'
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      return claim === 'iss' ? 'token-issuer' : claim === 'aud' ? 'token-audience' : 'token-claims'
    default:
      return 'token-malformed'
  }
}
