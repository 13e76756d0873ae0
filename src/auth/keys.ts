import { createPublicKey, type KeyObject } from 'node:crypto'

/** A key, with the only algorithms that it may be used with. */
export interface VerifyingKey {
  readonly key: Uint8Array | KeyObject
  /** RFC 8725 section 3.1: which algorithms count is never up to the token. */
  readonly algorithms: readonly string[]
  /** Its name in a set; a key without one fits every token. */
  readonly kid?: string | undefined
}

/** By the kind of key: RSA of 2048 bits or more, P-256 and Ed25519. */
const ALGORITHMS = { rsa: ['RS256'], ec: ['ES256'], ed25519: ['EdDSA', 'Ed25519'] } as const

/** The keys that tokens are checked with. */
export interface Keys {
  /** The algorithms that the header of a token may name. */
  readonly algorithms: readonly string[]
  /** @throws {KeysUnavailable} If none can be had. */
  current(): Promise<readonly VerifyingKey[]>
  /**
   * The keys after a look for newer ones, for a token that none of the current keys fits. It is the same list if
   * nothing is new.
   *
   * @throws {KeysUnavailable} If none can be had.
   */
  renewed(): Promise<readonly VerifyingKey[]>
  /** What is wrong, for everybody to read; undefined while all is well. */
  healthIssue(): string | undefined
  /** Lets go of the timer. */
  stop(): void
}

/** There are no keys to check with: not the fault of whoever brings a token. */
export class KeysUnavailable extends Error {}

/** All algorithms of public keys. */
export const PUBLIC_KEY_ALGORITHMS: readonly string[] = Object.values(ALGORITHMS).flat()

/** RFC 7518 section 3.3. */
const MIN_RSA_BITS = 2048

/** What a public key may be used with; undefined if it is of a kind that is not used. */
export function algorithmsOf(key: KeyObject): readonly string[] | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) return ALGORITHMS.rsa
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return ALGORITHMS.ec
  if (key.asymmetricKeyType === 'ed25519') return ALGORITHMS.ed25519
  return undefined
}

/**
 * A public key in PEM, its line ends written as they are or as `\n`.
 *
 * @returns Undefined if it is none, or of a kind that is not used.
 */
export function readPublicKey(pem: string): VerifyingKey | undefined {
  const text = pem.replaceAll('\\n', '\n')
  // Node would derive the public key; but who has put the private one here should know.
  if (text.includes('PRIVATE KEY')) return undefined
  try {
    const key = createPublicKey(text)
    const algorithms = algorithmsOf(key)
    return algorithms && { key, algorithms }
  } catch {
    return undefined
  }
}

/** The one key of the options. */
export function fixedKey(key: VerifyingKey): Keys {
  const keys = [key]
  return {
    algorithms: key.algorithms,
    current: async () => keys,
    renewed: async () => keys,
    healthIssue: () => undefined,
    stop() {},
  }
}
