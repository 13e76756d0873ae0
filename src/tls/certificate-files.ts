import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync, unwatchFile, watchFile } from 'node:fs'
import type { ServerOptions, Server as TlsServer } from 'node:https'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Logger } from '../observability/logger.js'
import { type OptionProblem, OptionsError, type Settings } from '../options/index.js'
import { type Certificate, HTTP_1_1, SECURE } from './certificate.js'
import { reasonOf } from './openssl-reason.js'
import { type Validity, validityOf } from './validity.js'

type Files = Pick<Settings, 'tlsCert' | 'tlsKey'>

/** How often the files are checked, in milliseconds. */
const WATCH_INTERVAL = 5000

/** As `stat` has it. */
const READABLE_BY_ALL = 0o004

/** The certificate that an operator keeps in files. */
export class CertificateFiles implements Certificate {
  readonly options: ServerOptions
  readonly #files: Files
  readonly #log: Logger
  #validity: Validity
  /** The state of the files before they were read. */
  #stamp: string
  #server: TlsServer | undefined
  #stale = false

  /** @throws {OptionsError} With every problem of the files. */
  constructor({ tlsCert, tlsKey }: Settings, log: Logger) {
    this.#files = { tlsCert, tlsKey }
    this.#log = log
    this.#stamp = stampOf(this.#files)
    const { validity, ...credentials } = readFiles(this.#files)
    this.#validity = validity
    this.options = { ...SECURE, ALPNProtocols: [HTTP_1_1], ...credentials }
    this.#warnAboutMode()
  }

  serve(server: TlsServer): () => void {
    this.#server = server
    const files = Object.values(this.#files)
    const reload = (): void => this.reload()
    // This checks the file behind a link, because certbot points links at new files.
    for (const file of files) watchFile(file, { interval: WATCH_INTERVAL, persistent: false }, reload)
    // Its first check comes after the files were read, so it would miss a change in between.
    const missed = setTimeout(() => stampOf(this.#files) !== this.#stamp && reload(), WATCH_INTERVAL).unref()
    return () => {
      clearTimeout(missed)
      this.#server = undefined
      for (const file of files) unwatchFile(file, reload)
    }
  }

  reload(): void {
    if (!this.#server) return
    this.#stamp = stampOf(this.#files)
    try {
      const { validity, ...credentials } = readFiles(this.#files)
      this.#server.setSecureContext({ ...SECURE, ...credentials })
      this.#validity = validity
      this.#stale = false
      this.#warnAboutMode()
      this.#log.info({}, 'Certificate reloaded')
    } catch (error) {
      this.#stale = true
      // This names the files and not the options, which may have been set by flags or variables.
      const why = (error as OptionsError).problems.map(({ problem }) => problem).join('; ')
      this.#log.error({ why }, 'Certificate not reloaded')
    }
  }

  get validity(): Validity {
    return this.#validity
  }

  /** Only a warning, because containers often mount secrets like this. */
  #warnAboutMode(): void {
    const { tlsKey } = this.#files
    if (process.platform === 'win32' || (statSync(tlsKey).mode & READABLE_BY_ALL) === 0) return
    this.#log.warn({ file: tlsKey }, 'Every user of this machine may read the private key: chmod o-r')
  }

  healthIssue(): string | undefined {
    return this.#stale
      ? "The certificate's files have changed and cannot be used; the old one is still served."
      : undefined
  }
}

/** A text that changes when the files change. */
function stampOf(files: Files): string {
  return Object.values(files)
    .map((file) => {
      try {
        const { ino, size, mtimeMs } = statSync(file)
        return `${ino} ${size} ${mtimeMs}`
      } catch {
        return ''
      }
    })
    .join()
}

function readFiles({ tlsCert, tlsKey }: Files): { cert: Buffer; key: Buffer; validity: Validity } {
  const problems: OptionProblem[] = []
  const attempt = <T>(option: keyof Files, read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      problems.push({ option, problem: (error as Error).message })
      return undefined
    }
  }
  const cert = attempt('tlsCert', () => readCertificate(tlsCert))
  const key = attempt('tlsKey', () => readKey(tlsKey))
  if (cert && key) {
    attempt('tlsKey', () => {
      if (cert.parsed.checkPrivateKey(key.parsed)) return
      throw new Error(`the key in ${tlsKey} does not belong to the first certificate in ${tlsCert}`)
    })
  }
  if (cert && key && problems.length === 0) {
    attempt('tlsCert', () => assertServable(tlsCert, { cert: cert.pem, key: key.pem }))
    if (problems.length === 0) return { cert: cert.pem, key: key.pem, validity: validityOf(cert.parsed) }
  }
  throw new OptionsError(problems)
}

/** Checks by OpenSSL itself, which refuses to serve, for example, a key that is too short. */
function assertServable(file: string, credentials: SecureContextOptions): void {
  try {
    createSecureContext({ ...SECURE, ...credentials })
  } catch (error) {
    throw new Error(`${file} cannot be served: ${reasonOf(error as Error)}`)
  }
}

function readCertificate(file: string): { pem: Buffer; parsed: X509Certificate } {
  const pem = readFile(file)
  try {
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return { pem, parsed: new X509Certificate(pem) }
  } catch {}
  throw new Error(`${file} holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----`)
}

function readKey(file: string): { pem: Buffer; parsed: ReturnType<typeof createPrivateKey> } {
  const pem = readFile(file)
  try {
    return { pem, parsed: createPrivateKey(pem) }
  } catch {
    if (pem.includes('ENCRYPTED')) {
      throw new Error(`the key in ${file} has a passphrase; take it off: openssl pkey -in ${file} -out NEW-FILE`)
    }
    throw new Error(`${file} holds no private key in PEM, which begins with -----BEGIN PRIVATE KEY----- or similar`)
  }
}

function readFile(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: `there is no file ${file}`,
      EACCES: `${file} may not be read by this user; give the user that runs the relay the right to`,
      EISDIR: `${file} is a folder`,
    }
    throw new Error(reasons[code] ?? message)
  }
}
