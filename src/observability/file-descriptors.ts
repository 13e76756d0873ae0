import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import type { Logger } from './logger.js'

/** Time between two trials whether a file can be opened, in milliseconds. */
const INTERVAL = 1000

/** How long `/health` tells of a shortage after it was last seen, in milliseconds: during it nobody can connect to ask. */
const MEMORY = 60_000

/** What the system says, and what that means. */
const SHORTAGES: Readonly<Record<string, string>> = {
  EMFILE:
    'The process had no file descriptor left: raise its limit (ulimit -n, LimitNOFILE=), or lower MAX_CONNECTIONS.',
  ENFILE: 'The machine had no file descriptor left: raise fs.file-max, or see who has them.',
}

/**
 * Sees when no file descriptor is left. Node does not tell: libuv accepts new connections with a descriptor that it
 * keeps for that purpose, and closes them at once.
 */
export class FileDescriptors {
  readonly #log: Logger
  readonly #open: () => void
  #timer: NodeJS.Timeout | undefined
  #shortage: { readonly why: string; until: number } | undefined
  #shortages = 0

  /** @param open Opens and closes a file. */
  constructor(log: Logger, open = openFile) {
    this.#log = log
    this.#open = open
  }

  /** How often there was none left. */
  get shortages(): number {
    return this.#shortages
  }

  /** What was wrong within the last minute, for everybody to read. */
  healthIssue(): string | undefined {
    return this.#shortage?.why
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), INTERVAL).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** A connection could not be accepted. */
  acceptFailed(error: NodeJS.ErrnoException): void {
    this.#lacks(SHORTAGES[error.code ?? ''] ?? `Connections could not be accepted: ${error.code}.`)
  }

  #look(): void {
    try {
      this.#open()
      if (this.#shortage && performance.now() >= this.#shortage.until) this.#over()
    } catch (error) {
      const why = SHORTAGES[(error as NodeJS.ErrnoException).code ?? '']
      if (why !== undefined) this.#lacks(why)
    }
  }

  #lacks(why: string): void {
    const until = performance.now() + MEMORY
    if (this.#shortage) {
      this.#shortage.until = until
      return
    }
    this.#shortage = { why, until }
    this.#shortages++
    this.#log.error({ why }, 'New connections are cut off')
  }

  #over(): void {
    this.#shortage = undefined
    this.#log.info({}, 'New connections are accepted again')
  }
}

function openFile(): void {
  closeSync(openSync(devNull, 'r'))
}
