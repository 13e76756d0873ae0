import type { ServerOptions, Server as TlsServer } from 'node:https'
import type { Logger } from '../observability/logger.js'
import type { Settings } from '../options/index.js'
import { loadOptional } from '../options/optional-package.js'
import { explain } from './acme-error.js'
import { endRequestsWith, placeOrder } from './acme-order.js'
import { AcmeStore } from './acme-store.js'
import { Backoff } from './backoff.js'
import { type Certificate, SECURE } from './certificate.js'
import { type Challenges, HttpChallenges, TlsAlpnChallenges } from './challenges.js'
import { IssuedCertificate } from './issued-certificate.js'
import type { PlainHttp } from './plain-http.js'
import { iso, type Validity } from './validity.js'

type Acme = typeof import('acme-client')

/** A due renewal is noticed within a minute, even if the machine was suspended or its clock was set. */
const MINUTE = 60_000

/** How long the authority may take for one answer, in milliseconds. */
const AUTHORITY_TIMEOUT = 30_000

const ACCOUNT = 'account.pem'
const CERTIFICATE = 'certificate.pem'

/**
 * Prepares to get certificates from an authority. It sends no request yet.
 *
 * @throws {OptionsError} If the store cannot be used, or acme-client is not installed.
 */
export async function createAcmeCertificate(settings: Settings, log: Logger, plain: PlainHttp): Promise<Certificate> {
  const acme = await loadOptional('acmeDomains', 'acme-client', () => import('acme-client'))
  acme.axios.defaults.timeout = AUTHORITY_TIMEOUT
  // Its own retries silently wait as long as an authority's Retry-After says, perhaps hours, and at their end
  // the reason of the failure is lost.
  acme.axios.interceptors.request.clear()
  acme.axios.interceptors.response.clear()
  return new AcmeCertificate(acme, settings, log, plain)
}

/** A certificate from an authority, RFC 8555. It is requested, kept in a folder, and renewed in time. */
class AcmeCertificate implements Certificate {
  readonly #acme: Acme
  readonly #settings: Settings
  readonly #log: Logger
  readonly #store: AcmeStore
  readonly #challenges: Challenges
  #accountKey: string | undefined
  /** Whether the key is stored, and so whether the account exists. */
  #registered: boolean
  #issued: IssuedCertificate | undefined
  readonly #backoff: Backoff
  /** Why the certificate is not stored, and would be lost with the process. */
  #unstored: string | undefined

  constructor(acme: Acme, settings: Settings, log: Logger, plain: PlainHttp) {
    this.#acme = acme
    this.#settings = settings
    this.#log = log
    this.#store = new AcmeStore(settings.acmeStore, settings.acmeDirectory, log)
    this.#challenges =
      settings.acmeChallenge === 'http-01' ? new HttpChallenges(plain) : new TlsAlpnChallenges(acme.crypto)
    this.#accountKey = this.#store.read(ACCOUNT)
    this.#registered = this.#accountKey !== undefined
    this.#issued = this.#readStored()
    const { acmeDomains: domains, acmeChallenge: challenge, acmeHttpPort: port } = settings
    this.#backoff = new Backoff(this.#store, { domains, challenge, port })
  }

  /** Without a certificate handshakes fail. A temporary one would teach people to ignore warnings. */
  get options(): ServerOptions {
    return { ...SECURE, ...this.#challenges.options, ...this.#issued?.credentials }
  }

  serve(server: TlsServer): () => void {
    const stop = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const look = async (): Promise<void> => {
      if (this.#wait() <= 0) await this.#renew(server, stop.signal)
      if (!stop.signal.aborted) timer = setTimeout(() => void look(), Math.min(MINUTE, this.#wait())).unref()
    }
    if (this.#backoff.wait > 0) this.#logPause()
    void look()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }

  get validity(): Validity | undefined {
    return this.#issued
  }

  healthIssue(): string | undefined {
    const why =
      this.#backoff.why === undefined ? this.#unstored : `No new certificate could be had: ${this.#backoff.why}`
    if (!this.#issued) return why ?? 'There is no certificate yet; the authority is being asked.'
    return why && `${why} The certificate in use is valid until ${iso(this.#issued.expires)}.`
  }

  /** Milliseconds until the next attempt. */
  #wait(): number {
    const { acmeDomains } = this.#settings
    const renewal = this.#issued?.isFor(acmeDomains) ? this.#issued.renewal - Date.now() : 0
    return Math.max(renewal, this.#backoff.wait)
  }

  async #renew(server: TlsServer, signal: AbortSignal): Promise<void> {
    try {
      await this.#backoff.begin()
      const issued = await this.#order(server, signal)
      signal.throwIfAborted()
      server.setSecureContext({ ...SECURE, ...issued.credentials })
      this.#issued = issued
      // If this machine's clock were far ahead, every new certificate would seem old.
      await this.#backoff.succeeded(issued.life / 3)
      await this.#save(issued)
      this.#log.info({ domains: issued.names, expires: iso(issued.expires) }, 'Certificate obtained')
    } catch (error) {
      if (!signal.aborted) await this.#failed(error)
    }
  }

  async #order(server: TlsServer, signal: AbortSignal): Promise<IssuedCertificate> {
    const { acmeDirectory, acmeEmail, acmeDomains } = this.#settings
    const { Client, crypto } = this.#acme
    const accountKey = (this.#accountKey ??= String(await crypto.createPrivateEcdsaKey()))
    const client = new Client({ directoryUrl: acmeDirectory, accountKey })
    endRequestsWith(signal, client)
    // An existing account is found by its key, RFC 8555 section 7.3.1.
    await client.createAccount({ termsOfServiceAgreed: true, contact: acmeEmail === '' ? [] : [`mailto:${acmeEmail}`] })
    if (!this.#registered) {
      await this.#store.write(ACCOUNT, accountKey)
      this.#registered = true
      const terms = await client.getTermsOfServiceUrl()
      this.#log.info({ authority: acmeDirectory, terms }, 'Account made, and the terms of service agreed to')
    }
    signal.throwIfAborted()
    try {
      await this.#challenges.begin(server)
      // A port that opens while the relay closes would stay open until the authority has answered.
      signal.throwIfAborted()
      return await placeOrder({ client, crypto, domains: acmeDomains, challenges: this.#challenges, signal })
    } finally {
      await this.#challenges.end()
    }
  }

  async #save(issued: IssuedCertificate): Promise<void> {
    try {
      await this.#store.write(CERTIFICATE, issued.pem)
      this.#unstored = undefined
    } catch (error) {
      const { message: why, advice } = explain(error, this.#settings.acmeDirectory)
      this.#unstored = 'The certificate could not be stored, and a restart would have to ask for another.'
      this.#log.error({ why, advice }, 'Certificate not stored')
    }
  }

  async #failed(error: unknown): Promise<void> {
    const { message, advice } = explain(error, this.#settings.acmeDirectory)
    // A store that fails is reported as the reason of the failed attempt, or later with the certificate.
    await this.#backoff.failed(message).catch(() => {})
    const { acmeDomains: domains } = this.#settings
    const expires = this.#issued && iso(this.#issued.expires)
    this.#log.error({ domains, why: message, advice, retry: this.#retry(), expires }, 'No new certificate')
  }

  /** After a failed attempt before this start, waits until its pause is over. */
  #logPause(): void {
    const { why, file } = this.#backoff
    const advice = `Starting again does not help. Once it is mended, remove ${file} and restart to ask at once.`
    this.#log.warn({ why, advice, retry: this.#retry() }, 'The authority is not asked again yet')
  }

  #retry(): string {
    return iso(Date.now() + this.#backoff.wait)
  }

  #readStored(): IssuedCertificate | undefined {
    const pem = this.#store.read(CERTIFICATE)
    try {
      return pem === undefined ? undefined : new IssuedCertificate(pem)
    } catch (error) {
      this.#log.warn({ why: (error as Error).message }, 'The stored certificate cannot be used')
      return undefined
    }
  }
}
