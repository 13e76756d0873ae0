import { z } from 'zod'
import type { AcmeStore } from './acme-store.js'
import { iso } from './validity.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** The pause after a first failure, and the longest. Let's Encrypt counts five failures an hour. */
const FIRST_RETRY = 5 * MINUTE
const MAX_RETRY = 6 * HOUR

const FILE = 'attempt.json'

/** What the file says. */
const attempt = z.object({
  /** What was requested. If that has changed, somebody has fixed something, and there is no need to wait. */
  wanted: z.string(),
  failures: z.int().min(1),
  /** The next attempt is not before this time. */
  retry: z.iso.datetime(),
  why: z.string(),
})

/**
 * When an authority may get the next request: later after each failure. This is kept in the store, because otherwise a
 * supervisor that restarts the relay again and again would use up the authority's limits.
 */
export class Backoff {
  readonly #store: AcmeStore
  readonly #wanted: string
  #failures = 0
  /** The next attempt is not before this time, by the steady clock. */
  #earliest = 0
  /** Why the last attempt failed, in a sentence. */
  why: string | undefined

  /** @param wanted What is requested, and how. */
  constructor(store: AcmeStore, wanted: object) {
    this.#store = store
    this.#wanted = JSON.stringify(wanted)
    const last = this.#read()
    if (last?.wanted !== this.#wanted) return
    this.#failures = last.failures
    this.why = last.why
    // It is a date. If the clock was set, the pause must not become years.
    this.#earliest = performance.now() + Math.min(Date.parse(last.retry) - Date.now(), MAX_RETRY)
  }

  /** The path of the file. */
  get file(): string {
    return this.#store.pathOf(FILE)
  }

  /** Milliseconds until the next attempt; 0 or less if it may be now. */
  get wait(): number {
    return this.#earliest - performance.now()
  }

  /**
   * Begins an attempt. It counts as failed until it has ended, because the process may be killed in it.
   *
   * @throws {AcmeError} If this cannot be stored.
   */
  async begin(): Promise<void> {
    await this.#postpone('The last attempt was cut short.')
  }

  /** The attempt has failed: the pause begins now. */
  async failed(why: string): Promise<void> {
    this.#failures--
    this.why = why
    await this.#postpone(why)
  }

  /** @param pause The minimum time to the next order in milliseconds, whatever the dates of the certificate. */
  async succeeded(pause: number): Promise<void> {
    this.#failures = 0
    this.why = undefined
    this.#earliest = performance.now() + pause
    await this.#store.remove(FILE)
  }

  async #postpone(why: string): Promise<void> {
    const pause = Math.min(FIRST_RETRY * 2 ** this.#failures++, MAX_RETRY) * (1 - Math.random() / 5)
    this.#earliest = performance.now() + pause
    const last = { wanted: this.#wanted, failures: this.#failures, retry: iso(Date.now() + pause), why }
    await this.#store.write(FILE, `${JSON.stringify(last)}\n`)
  }

  #read(): z.output<typeof attempt> | undefined {
    try {
      return attempt.parse(JSON.parse(this.#store.read(FILE) ?? 'null'))
    } catch {
      return undefined
    }
  }
}
