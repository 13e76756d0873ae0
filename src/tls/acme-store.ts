import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Logger } from '../observability/logger.js'
import { OptionsError } from '../options/index.js'
import { AcmeError } from './acme-error.js'

/** Everybody may write. With the sticky bit each user may only replace its own files, as in `/tmp`. */
const WRITABLE_BY_ALL = 0o002
const STICKY = 0o1000

/**
 * Files that only the relay may read, in a folder that only the relay may enter. Users who may write to a folder above
 * it can put links there, so the store follows none.
 */
export class AcmeStore {
  readonly #folder: string

  /**
   * Makes the folder.
   *
   * @param root The option's folder. Each authority has its own folder in it, so a certificate of a test authority is
   *   never used in production.
   * @throws {OptionsError} If files cannot be kept there, or somebody else could read or replace them.
   */
  constructor(root: string, directory: string, log: Logger) {
    const { host, pathname } = new URL(directory)
    this.#folder = join(root, `${host}${pathname}`.replaceAll(/[^\w.-]+/g, '_'))
    try {
      assertNoStrangersLink(root)
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      this.#close()
      // Otherwise a read-only disk would show only when there is a certificate to keep.
      const trial = join(this.#folder, '.try')
      rmSync(trial, { force: true })
      writeFileSync(trial, '', { flag: 'wx' })
      rmSync(trial)
    } catch (error) {
      throw unusable(`files cannot be kept in ${this.#folder}: ${(error as Error).message}`)
    }
    for (const folder of [resolve(root), dirname(resolve(root))]) {
      if (isOpen(statSync(folder))) {
        log.warn({ folder }, 'Other users may put their own in the place of ACME_STORE: chmod o-w')
        return
      }
    }
  }

  /**
   * The text of a file; undefined if there is none.
   *
   * @throws {OptionsError} If it cannot be read.
   */
  read(name: string): string | undefined {
    try {
      return readOwn(join(this.#folder, name))
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return undefined
      throw unusable(`${name} cannot be read: ${code === 'ELOOP' ? 'it is a link' : message}`)
    }
  }

  /**
   * Writes a file whole or not at all, even if the machine crashes.
   *
   * @throws {AcmeError} If it cannot.
   */
  async write(name: string, text: string): Promise<void> {
    const file = join(this.#folder, name)
    const draft = `${file}.new`
    try {
      assertOwn(lstatSync(this.#folder))
      // The mode applies only to a new file, and an old one may be a link.
      await rm(draft, { force: true })
      await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true })
      await rename(draft, file)
    } catch (error) {
      throw new AcmeError(`${file} cannot be written: ${(error as Error).message}`, 'Give ACME_STORE room and rights.')
    }
  }

  /** Removes a file, if it is there. */
  async remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true })
  }

  /** The path of a file. */
  pathOf(name: string): string {
    return join(this.#folder, name)
  }

  /** Closes the folder to other users. */
  #close(): void {
    assertOwn(lstatSync(this.#folder))
    const folder = openSync(this.#folder, READ | (constants.O_DIRECTORY ?? 0))
    try {
      assertOwn(fstatSync(folder))
      fchmodSync(folder, 0o700)
    } finally {
      closeSync(folder)
    }
  }
}

/** Opens to read, and follows no link. Windows has no such flag. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)

/** The text of a file that is not a link. */
function readOwn(path: string): string {
  const file = openSync(path, READ)
  try {
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

/** An operator may keep the folder elsewhere by a link; nobody else may. */
function assertNoStrangersLink(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found?.isSymbolicLink() || isOwn(found) || found.uid === 0) return
  throw new Error(`${path} is a link that belongs to another user (uid ${found.uid})`)
}

/** This user made the folder. If it is a link, or another user's, somebody has put it there. */
function assertOwn(folder: Stats): void {
  if (folder.isSymbolicLink()) throw new Error('it is a link')
  if (!isOwn(folder)) throw new Error(`it belongs to another user (uid ${folder.uid})`)
}

function isOwn({ uid }: Stats): boolean {
  return process.getuid === undefined || uid === process.getuid()
}

/** Whether other users, root aside, may rename or replace what is in a folder. */
function isOpen(folder: Stats): boolean {
  if (process.getuid === undefined) return false
  if (!isOwn(folder) && folder.uid !== 0) return true
  return (folder.mode & WRITABLE_BY_ALL) !== 0 && (folder.mode & STICKY) === 0
}

function unusable(problem: string): OptionsError {
  return new OptionsError([{ option: 'acmeStore', problem }])
}
