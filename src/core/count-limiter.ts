/** Counts what is there under each name, up to a limit. A name that has nothing is forgotten. */
export class CountLimiter {
  readonly #limit: number
  readonly #counts = new Map<string, number>()

  /** @param limit For each name; 0 means no limit, and nothing is counted. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** How many names have something. */
  get size(): number {
    return this.#counts.size
  }

  /** Counts one more; false if the name has all that it may. */
  take(name: string): boolean {
    if (this.#limit === 0) return true
    const count = this.#counts.get(name) ?? 0
    if (count >= this.#limit) return false
    this.#counts.set(name, count + 1)
    return true
  }

  /** Whether a name has taken anything. */
  has(name: string): boolean {
    return this.#counts.has(name)
  }

  /** Gives one back that was taken. */
  release(name: string): void {
    const count = this.#counts.get(name) ?? 0
    if (count > 1) this.#counts.set(name, count - 1)
    else this.#counts.delete(name)
  }
}
