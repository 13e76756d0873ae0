import { createPublicKey } from 'node:crypto'
import type { JWK } from 'jose'
import { ageClock } from '../core/clocks.js'
import type { Logger } from '../observability/logger.js'
import type { Settings } from '../options/index.js'
import { algorithmsOf, type Keys, KeysUnavailable, PUBLIC_KEY_ALGORITHMS, type VerifyingKey } from './keys.js'

/** How long keys are used before they are fetched again, in milliseconds. */
const CACHE_MAX_AGE = 600_000

/** The minimum time between two requests while there are keys, in milliseconds: anybody can invent key ids. */
const COOLDOWN = 30_000

/** The pause after a first failure without any keys, in milliseconds; it doubles up to {@link COOLDOWN}. */
const FIRST_RETRY = 1000

/**
 * The public keys of an identity provider, RFC 7517. They are fetched when they are needed, and stay in use for a
 * while if they cannot be fetched again.
 */
export class KeySet implements Keys {
  readonly algorithms = PUBLIC_KEY_ALGORITHMS
  readonly #url: URL
  /** How old keys may become while they cannot be fetched. */
  readonly #maxAge: number
  readonly #log: Logger
  /** The fields of each log line. */
  readonly #source: { readonly url: string }
  #keys: readonly VerifyingKey[] | undefined
  /** When the keys were fetched, and when this was last tried; by the clock of ages. */
  #fetched = 0
  #tried = 0
  #fetching: Promise<void> | undefined
  /** Failures since the last success. While there are any, a timer tries again, and no token waits for it. */
  #failures = 0
  #retry: NodeJS.Timeout | undefined
  #stopped = false
  /** The unusable keys in the last log line about them. */
  #skipped = ''

  constructor({ jwksUrl, jwksMaxStale }: Pick<Settings, 'jwksUrl' | 'jwksMaxStale'>, log: Logger) {
    this.#url = new URL(jwksUrl)
    this.#maxAge = jwksMaxStale
    this.#log = log
    // Without the query, which may contain a secret.
    this.#source = { url: this.#url.origin + this.#url.pathname }
  }

  async current(): Promise<readonly VerifyingKey[]> {
    const stale = this.#failures === 0 && ageClock.now() - this.#fetched >= CACHE_MAX_AGE
    if (this.#keys === undefined ? this.#failures === 0 || this.#fetching !== undefined : stale) await this.#fetch()
    return this.#known()
  }

  async renewed(): Promise<readonly VerifyingKey[]> {
    const due = this.#failures === 0 && ageClock.now() - this.#tried >= COOLDOWN
    if (due || this.#fetching !== undefined) await this.#fetch()
    return this.#known()
  }

  healthIssue(): string | undefined {
    if (this.#failures > 0) {
      const so = this.#keys ? `those known are good until ${this.#end()}` : 'nobody can get in'
      return `The keys of JWKS_URL cannot be fetched: ${so}.`
    }
    return this.#keys?.length === 0 ? 'JWKS_URL shows no key that can be used: nobody can get in.' : undefined
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#retry)
  }

  #known(): readonly VerifyingKey[] {
    if (!this.#keys) throw new KeysUnavailable()
    return this.#keys
  }

  /** Fetches the keys, once for all callers that wait. Never rejects. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#load().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #load(): Promise<void> {
    clearTimeout(this.#retry)
    this.#tried = ageClock.now()
    try {
      const { createRemoteJWKSet } = await import('jose')
      const remote = createRemoteJWKSet(this.#url)
      await remote.reload()
      this.#take(remote.jwks()?.keys ?? [])
    } catch (error) {
      this.#failed(reasonOf(error))
    }
  }

  #take(published: readonly JWK[]): void {
    const read = published.map(readKey).filter((key) => key !== undefined)
    this.#keys = read.filter((key) => typeof key !== 'string')
    this.#fetched = ageClock.now()
    if (this.#failures > 0) this.#log.info(this.#source, 'The keys of JWKS_URL can be fetched again')
    this.#failures = 0
    const skipped = read.filter((key) => typeof key === 'string')
    const none = this.#keys.length === 0
    const news = [...skipped, ...(none ? ['none is left'] : [])].join(', ')
    if (news !== this.#skipped && none) {
      this.#log.error({ ...this.#source, skipped }, 'JWKS_URL shows no key that can be used: nobody can get in')
    } else if (news !== this.#skipped && news !== '') {
      this.#log.warn({ ...this.#source, skipped }, 'Some keys of JWKS_URL cannot be used, and are skipped')
    }
    this.#skipped = news
  }

  #failed(why: string): void {
    const had = this.#keys !== undefined
    if (ageClock.now() - this.#fetched >= this.#maxAge) this.#keys = undefined
    if (this.#failures === 0 || (had && !this.#keys)) {
      if (!this.#keys)
        this.#log.error({ ...this.#source, why }, 'The keys of JWKS_URL cannot be fetched: nobody can get in')
      else {
        const until = this.#end()
        this.#log.error(
          { ...this.#source, why, until },
          'The keys of JWKS_URL cannot be fetched: those known are used until then',
        )
      }
    }
    const pause = this.#keys ? COOLDOWN : Math.min(FIRST_RETRY * 2 ** this.#failures, COOLDOWN)
    this.#failures++
    if (!this.#stopped) this.#retry = setTimeout(() => void this.#fetch(), pause).unref()
  }

  /** When the keys in use are too old. */
  #end(): string {
    return new Date(Date.now() + this.#fetched + this.#maxAge - ageClock.now()).toISOString()
  }
}

/** Reads a key of the set. Returns a text if it cannot be used, and undefined if it is not for signatures. */
function readKey(jwk: JWK): VerifyingKey | string | undefined {
  const { kid, use, alg, key_ops: operations } = jwk
  if (use !== undefined && use !== 'sig') return undefined
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined
  const name = typeof kid === 'string' ? kid : undefined
  const unusable = (why: string): string => `${name ?? 'a key without kid'}: ${why}`
  if (jwk.kty === 'oct' || jwk.d !== undefined) return unusable('not a public key')
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    const algorithms = algorithmsOf(key)
    if (!algorithms) return unusable('not RSA of 2048 bits or more, P-256 or Ed25519')
    if (alg !== undefined && !algorithms.includes(alg)) return unusable(`for ${alg}, which is not used`)
    return { key, algorithms, kid: name }
  } catch {
    return unusable('broken, or of a kind that is not used')
  }
}

/** `fetch` puts the real reason into the cause of its error. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? ('code' in cause && String(cause.code)) || cause.message : message
}
