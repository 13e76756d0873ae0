import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Logger } from '../log.js'
import { type OptionProblem, OptionsError, type Settings } from '../options/index.js'

/** A certificate with its chain and its private key, in PEM. */
export interface Credentials {
  readonly cert: Buffer
  readonly key: Buffer
}

/** TLS 1.2 and 1.3 with Node's own choice of ciphers; HTTP/1.1 alone, since WebSockets upgrade from it. */
export const TLS_OPTIONS = { minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] } as const

/** How often the files are looked at, in milliseconds. */
const WATCH_INTERVAL = 5000

/** The certificate that an operator keeps in files. */
export class CertificateFiles {
  readonly #files: Pick<Settings, 'tlsCert' | 'tlsKey'>
  readonly #log: Logger

  constructor({ tlsCert, tlsKey }: Settings, log: Logger) {
    this.#files = { tlsCert, tlsKey }
    this.#log = log
  }

  /**
   * Reads the files.
   *
   * @throws {OptionsError} If one cannot be read, is no PEM, or the key is not the certificate's.
   */
  read(): Credentials {
    const [cert, key] = [this.#read('tlsCert'), this.#read('tlsKey')]
    this.#check('tlsCert', () => createSecureContext({ cert }))
    this.#check('tlsKey', () => createSecureContext({ key }))
    this.#check('tlsKey', () => createSecureContext({ cert, key }))
    return { cert, key }
  }

  /**
   * Has a server use the files anew whenever they change; what is wrong with them then is logged, and
   * the old certificate stays. Open connections notice nothing.
   *
   * @returns Stops watching.
   */
  watch(server: Server): () => void {
    const files = Object.values(this.#files)
    const reload = (): void => {
      try {
        if (server instanceof TlsServer) server.setSecureContext({ ...TLS_OPTIONS, ...this.read() })
        this.#log.info('Certificate reloaded')
      } catch (error) {
        this.#log.error({ why: (error as Error).message }, 'Certificate not reloaded')
      }
    }
    // Looks at the file behind a link, and so sees what certbot does: it points links at new files.
    for (const file of files) watchFile(file, { interval: WATCH_INTERVAL, persistent: false }, reload)
    return () => {
      for (const file of files) unwatchFile(file, reload)
    }
  }

  #read(option: 'tlsCert' | 'tlsKey'): Buffer {
    const file = this.#files[option]
    return this.#check(option, () => readFileSync(file))
  }

  #check<T>(option: OptionProblem['option'], attempt: () => T): T {
    try {
      return attempt()
    } catch (error) {
      throw new OptionsError([{ option, problem: `cannot be used: ${(error as Error).message}` }])
    }
  }
}
