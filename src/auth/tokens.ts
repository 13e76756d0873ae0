import type { JWTPayload } from 'jose'
import type { Denial, Hello, Pass, Right, Tokens } from '../core/authority.js'
import type { Logger } from '../log.js'
import type { Settings } from '../options/index.js'
import { tokenOf } from './bearer.js'
import { KeysUnavailable, type VerifyingKey, verifyingKey } from './keys.js'
import { Rights } from './rights.js'

/** More than any header holds: what is longer is not looked at. */
const MAX_LENGTH = 16_384

/** So many bytes of UTF-8 fit the username of a TURN server, RFC 8489 section 14.3, with room for more. */
const MAX_USER = 256

/** How much the issuer's clock may be ahead, in seconds. It counts for `nbf`; `exp` is kept to the second. */
const CLOCK_TOLERANCE = 5

/** Whether any of the options asks for tokens. */
export function wantsTokens({ jwtSecret, jwtPublicKey, jwksUrl }: Settings): boolean {
  return jwtSecret !== '' || jwtPublicKey !== '' || jwksUrl !== ''
}

/** What a token says. */
export class TokenPass implements Pass {
  readonly user: string | undefined
  readonly expires: number | undefined
  readonly rights: Rights

  constructor(user: string | undefined, expires: number | undefined, rights: Rights) {
    this.user = user
    this.expires = expires
    this.rights = rights
  }

  may(right: Right, dialect: string, room: string): boolean {
    return this.rights.may(right, dialect, room)
  }
}

/** Checks JSON Web Tokens, RFC 7519, with the key that the operator has set. */
export class JsonWebTokens implements Tokens {
  readonly #settings: Settings
  readonly #log: Logger
  #key: Promise<VerifyingKey> | undefined

  constructor(settings: Settings, log: Logger) {
    this.#settings = settings
    this.#log = log
  }

  /** Finds its key, before somebody waits for it. */
  async prepare(): Promise<VerifyingKey> {
    this.#key ??= verifyingKey(this.#settings, this.#log)
    return await this.#key
  }

  async identify(hello: Hello): Promise<TokenPass | Denial> {
    const token = tokenOf(hello)
    return token === undefined ? 'token-missing' : await this.check(token)
  }

  async check(token: unknown): Promise<TokenPass | Denial> {
    if (token === undefined || token === '') return 'token-missing'
    if (typeof token !== 'string' || token.length > MAX_LENGTH) return 'token-malformed'
    const { jwtVerify, errors } = await import('jose')
    const { jwtIssuer, jwtAudience } = this.#settings
    const { key, algorithms } = await this.prepare()
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [...algorithms],
        clockTolerance: CLOCK_TOLERANCE,
        ...(jwtIssuer !== '' && { issuer: jwtIssuer }),
        ...(jwtAudience !== '' && { audience: jwtAudience }),
      })
      return passOf(payload)
    } catch (error) {
      if (error instanceof KeysUnavailable) return 'keys-unavailable'
      if (error instanceof errors.JOSEError) return denialOf(error)
      throw error
    }
  }
}

function passOf({ sub, exp, rooms }: JWTPayload): TokenPass | Denial {
  const expires = exp === undefined ? undefined : Math.floor(exp * 1000)
  if (expires !== undefined && expires <= Date.now()) return 'token-expired'
  const rights = Rights.of(rooms)
  if (!rights || !isUser(sub)) return 'token-claims'
  return new TokenPass(sub, expires, rights)
}

/** Nobody has checked the type of the claim. */
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
    case 'ERR_JWKS_NO_MATCHING_KEY':
    case 'ERR_JWKS_MULTIPLE_MATCHING_KEYS':
      return 'token-signature'
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      return claim === 'iss' ? 'token-issuer' : claim === 'aud' ? 'token-audience' : 'token-claims'
    default:
      return 'token-malformed'
  }
}
