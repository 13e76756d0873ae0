import type { Logger } from './logger.js'

type Level = 'debug' | 'info' | 'warn' | 'error'

/** How long repeats are collected before they are summed up, in milliseconds. */
const WINDOW = 10_000

/** How many different warnings are kept apart within a window; the rest share a line for each message. */
const MAX_SOURCES = 100

/** Lines about connections, rooms and members that are logged within a window; the rest share a line for each message. */
const MAX_ROUTINE = 2000

interface Entry {
  readonly level: Level
  readonly message: string
  readonly fields: object
  repeated: number
}

/**
 * Lines that clients can cause as often as they like. Of warnings and errors the first of a kind from a client is
 * logged at once, of comings and goings the first {@link MAX_ROUTINE}; the rest is summed up at the end of the window.
 * So the log grows no faster than that, whatever clients do.
 */
export class WarningSummary {
  readonly #log: Logger
  readonly #entries = new Map<string, Entry>()
  #sources = 0
  #routine = 0
  #timer: NodeJS.Timeout | undefined

  constructor(log: Logger) {
    this.#log = log
  }

  /** @param describe Makes the fields of the line; called only if it is logged at once. */
  debug(message: string, describe: () => object): void {
    this.#note('debug', message, describe)
  }

  /** @param describe Makes the fields of the line; called only if it is logged at once. */
  info(message: string, describe: () => object): void {
    this.#note('info', message, describe)
  }

  /**
   * @param source Who caused it.
   * @param describe Makes the fields of the line; called only for the first of a kind.
   */
  warn(source: string, message: string, describe: () => object): void {
    this.#complain('warn', source, message, describe)
  }

  /** An error, told from others by the place where it was thrown. */
  error(error: unknown, message: string, describe: () => object = () => ({})): void {
    this.#complain('error', placeOf(error), message, () => ({ ...describe(), err: error }))
  }

  /** Logs what has been collected. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const { level, message, fields, repeated } of this.#entries.values()) {
      if (repeated > 0) this.#write(level, { ...fields, repeated }, `${message} (repeated)`)
    }
    this.#entries.clear()
    this.#sources = 0
    this.#routine = 0
  }

  #note(level: Level, message: string, describe: () => object): void {
    if (!this.#log.isLevelEnabled(level)) return
    if (this.#routine++ < MAX_ROUTINE) this.#log[level](describe(), message)
    else this.#share(level, message)
    this.#wait()
  }

  #complain(level: Level, source: string, message: string, describe: () => object): void {
    const own = `${message}\n${source}`
    const known = this.#entries.get(own)
    if (known) known.repeated++
    else if (this.#sources < MAX_SOURCES) {
      this.#sources++
      const fields = describe()
      this.#entries.set(own, { level, message, fields, repeated: 0 })
      this.#write(level, fields, message)
    } else this.#share(level, message)
    this.#wait()
  }

  /** What was thrown by the code of others may throw again when it is read: a getter of an error, for one. */
  #write(level: Level, fields: object, message: string): void {
    try {
      this.#log[level](fields, message)
    } catch {
      this.#log[level]({ ...fields, err: UNREADABLE }, message)
    }
  }

  #share(level: Level, message: string): void {
    const shared = this.#entries.get(message) ?? { level, message, fields: { connectionId: 'various' }, repeated: 0 }
    this.#entries.set(message, shared)
    shared.repeated++
  }

  #wait(): void {
    this.#timer ??= setTimeout(() => this.flush(), WINDOW).unref()
  }
}

const UNREADABLE = 'An error that cannot be read'

/** Not its message, which may hold what a client sent. */
function placeOf(error: unknown): string {
  try {
    const { name, stack = '' } = error instanceof Error ? error : new Error(String(error))
    return `${name} ${/^ {4}at .*/m.exec(stack)?.[0] ?? ''}`
  } catch {
    return UNREADABLE
  }
}
