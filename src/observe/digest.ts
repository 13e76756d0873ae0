import type { Logger } from '../log.js'

/** How long repeats are collected before they are summed up, in milliseconds. */
const WINDOW = 10_000

/** How many different warnings are kept apart within a window; the rest share a line for each message. */
const MAX_SOURCES = 100

interface Entry {
  readonly message: string
  readonly fields: object
  repeated: number
}

/**
 * Warnings that a client can cause as often as it likes: the first of a kind from a client is logged
 * at once, the rest are summed up in one line at the end of the window.
 */
export class Digest {
  readonly #log: Logger
  readonly #entries = new Map<string, Entry>()
  #timer: NodeJS.Timeout | undefined

  constructor(log: Logger) {
    this.#log = log
  }

  /**
   * @param source Who caused it.
   * @param describe Makes the fields of the line; called only for the first of a kind.
   */
  warn(source: string, message: string, describe: () => object): void {
    const own = `${message}\n${source}`
    const known = this.#entries.get(own)
    if (known) known.repeated++
    else if (this.#entries.size < MAX_SOURCES) {
      const fields = describe()
      this.#entries.set(own, { message, fields, repeated: 0 })
      this.#log.warn(fields, message)
    } else {
      const shared = this.#entries.get(message) ?? { message, fields: { connectionId: 'various' }, repeated: 0 }
      this.#entries.set(message, shared)
      shared.repeated++
    }
    this.#timer ??= setTimeout(() => this.flush(), WINDOW).unref()
  }

  /** Logs what has been collected. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const { message, fields, repeated } of this.#entries.values()) {
      if (repeated > 0) this.#log.warn({ ...fields, repeated }, `${message} (repeated)`)
    }
    this.#entries.clear()
  }
}
