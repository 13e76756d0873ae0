import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OptionsError } from '../../options/index.js'
import { Failure } from './failure.js'

/** Files that the relay alone may read, in a folder that it alone may enter. */
export class Store {
  readonly #folder: string

  /**
   * Makes the folder.
   *
   * @param root The option's folder. In it each authority has its own, so that what a test authority issued
   *   is never served in earnest.
   * @throws {OptionsError} If files cannot be kept there.
   */
  constructor(root: string, directory: string) {
    const { host, pathname } = new URL(directory)
    this.#folder = join(root, `${host}${pathname}`.replaceAll(/[^\w.-]+/g, '_'))
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      chmodSync(this.#folder, 0o700)
      // A disk that cannot be written to would otherwise show when the certificate is there and has to be kept.
      writeFileSync(join(this.#folder, '.try'), '')
      rmSync(join(this.#folder, '.try'))
    } catch (error) {
      const problem = `files cannot be kept in ${this.#folder}: ${(error as Error).message}`
      throw new OptionsError([{ option: 'acmeStore', problem }])
    }
  }

  /**
   * The text of a file; undefined if there is none.
   *
   * @throws {OptionsError} If it cannot be read.
   */
  read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#folder, name), 'utf8')
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return undefined
      throw new OptionsError([{ option: 'acmeStore', problem: `${name} cannot be read: ${message}` }])
    }
  }

  /**
   * Writes a file whole or not at all, whatever happens to the machine meanwhile.
   *
   * @throws {Failure} If it cannot.
   */
  async write(name: string, text: string): Promise<void> {
    const file = join(this.#folder, name)
    const draft = `${file}.new`
    try {
      // The mode counts only for a file that is not there yet.
      await rm(draft, { force: true })
      await writeFile(draft, text, { mode: 0o600, flush: true })
      await rename(draft, file)
    } catch (error) {
      throw new Failure(`${file} cannot be written: ${(error as Error).message}`, 'Give ACME_STORE room and rights.')
    }
  }
}
