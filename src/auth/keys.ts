import { createPublicKey, type KeyObject } from 'node:crypto'
import type { JWTVerifyGetKey } from 'jose'
import type { Logger } from '../log.js'
import type { Settings } from '../options/index.js'

/** A key, or what finds one, with the algorithms that it may be used with and no others. */
export interface VerifyingKey {
  readonly key: Uint8Array | KeyObject | JWTVerifyGetKey
  readonly algorithms: readonly string[]
}

/** The keys could not be fetched: not the fault of whoever brings a token. */
export class KeysUnavailable extends Error {}

/** RFC 8725 section 3.1: which algorithms count is never up to the token. */
const SHARED = ['HS256']
const PUBLIC = { rsa: ['RS256'], ec: ['ES256'], ed25519: ['EdDSA', 'Ed25519'] } as const

/** RFC 7518 section 3.3. */
const MIN_RSA_BITS = 2048

/**
 * The key that tokens are checked with.
 *
 * @param settings One of the three is set.
 */
export async function verifyingKey(
  { jwtSecret, jwtPublicKey, jwksUrl }: Pick<Settings, 'jwtSecret' | 'jwtPublicKey' | 'jwksUrl'>,
  log: Logger,
): Promise<VerifyingKey> {
  if (jwtSecret !== '') return { key: Buffer.from(jwtSecret), algorithms: SHARED }
  const publicKey = jwtPublicKey === '' ? undefined : readPublicKey(jwtPublicKey)
  if (publicKey) return publicKey
  return { key: await remoteKeys(new URL(jwksUrl), log), algorithms: Object.values(PUBLIC).flat() }
}

/**
 * A public key in PEM, its line ends written as they are or as `\n`.
 *
 * @returns Undefined if it is none, or of a kind that is not used: RSA of 2048 bits or more, P-256 and Ed25519 are.
 */
export function readPublicKey(pem: string): (VerifyingKey & { key: KeyObject }) | undefined {
  const text = pem.replaceAll('\\n', '\n')
  // Node would derive the public key; but who has put the private one here should know.
  if (text.includes('PRIVATE KEY')) return undefined
  try {
    const key = createPublicKey(text)
    const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
    if (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) return { key, algorithms: PUBLIC.rsa }
    if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return { key, algorithms: PUBLIC.ec }
    if (key.asymmetricKeyType === 'ed25519') return { key, algorithms: PUBLIC.ed25519 }
  } catch {
    // No PEM.
  }
  return undefined
}

/** Finds keys in a set that is fetched, and kept for 10 minutes; for a key that it lacks it is fetched anew, at most every 30 s. */
async function remoteKeys(url: URL, log: Logger): Promise<JWTVerifyGetKey> {
  const { createRemoteJWKSet, errors } = await import('jose')
  const keys = createRemoteJWKSet(url)
  // Without what may be secret in it.
  const shown = url.origin + url.pathname
  let reachable = true
  const reached = (now: boolean, why?: string): void => {
    if (!now && reachable) log.error({ url: shown, why }, 'The keys of JWKS_URL cannot be fetched: nobody can get in')
    if (now && !reachable) log.info({ url: shown }, 'The keys of JWKS_URL can be fetched again')
    reachable = now
  }
  // Ahead of the first who brings a token, so that a wrong URL shows when the relay starts.
  keys.reload().then(
    () => reached(true),
    (error: unknown) => reached(false, reasonOf(error)),
  )
  return async (header, token) => {
    try {
      const key = await keys(header, token)
      reached(true)
      return key
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
        reached(true)
        throw error
      }
      reached(false, reasonOf(error))
      throw new KeysUnavailable()
    }
  }
}

/** `fetch` hides what is wrong in the cause of its error. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? ('code' in cause && String(cause.code)) || cause.message : message
}
