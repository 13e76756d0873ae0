import { createPublicKey, type KeyObject } from 'node:crypto'

/** A key, with the only algorithms that it may be used with. */
export interface VerifyingKey {
  readonly key: Uint8Array | KeyObject
  /** RFC 8725 section 3.1: the token never decides the algorithm. */
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
  /** @throws {KeysUnavailable} If there are none. */
  current(): Promise<readonly VerifyingKey[]>
  /**
   * The keys, fetched again for a token that fits none of the current keys. It is the same list if nothing is new.
   *
   * @throws {KeysUnavailable} If there are none.
   */
  renewed(): Promise<readonly VerifyingKey[]>
  /** What is wrong, as a public text; undefined while all is well. */
  healthIssue(): string | undefined
  /** Clears the timer. */
  stop(): void
}

/** There are no keys to check a token with. This is not the client's fault. */
export class KeysUnavailable extends Error {}

/** All algorithms of public keys. */
export const PUBLIC_KEY_ALGORITHMS: readonly string[] = Object.values(ALGORITHMS).flat()

/** RFC 7518 section 3.3. */
const MIN_RSA_BITS = 2048

/** The algorithms of a public key; undefined if its kind is not supported. */
export function algorithmsOf(key: KeyObject): readonly string[] | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) return ALGORITHMS.rsa
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return ALGORITHMS.ec
  if (key.asymmetricKeyType === 'ed25519') return ALGORITHMS.ed25519
  return undefined
}

/**
 * Reads a public key in PEM. Its line ends may be written as `\n`.
 *
 * @returns Undefined if it is not a public key, or its kind is not supported.
 */
export function readPublicKey(pem: string): VerifyingKey | undefined {
  const text = pem.replaceAll('\\n', '\n')
  // Node would derive the public key, but the operator should know that the private key is here.
  if (text.includes('PRIVATE KEY')) return undefined
  try {
    const key = createPublicKey(text)
    const algorithms = algorithmsOf(key)
    return algorithms && { key, algorithms }
  } catch {
    return undefined
  }
}

/** A single key, from the options. */
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
