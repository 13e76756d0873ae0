/**
 * What is known of any number of names, such as addresses, in two generations: a name that is not used for a whole
 * lifetime is forgotten within the next, unless it has to be kept. However many names come at once, there are never
 * more than `2 * maxNames`, and as many again that have to be kept: then the old generation is forgotten early.
 */
export class Generations<T> {
  readonly #lifetime: number
  readonly #maxNames: number
  readonly #keep: ((value: T) => boolean) | undefined
  /** Used in this lifetime. */
  #young = new Map<string, T>()
  /** Used in the one before. */
  #old = new Map<string, T>()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param lifetime In milliseconds.
   * @param keep Whether a name has to be remembered for one more lifetime; left out, none has.
   */
  constructor(lifetime: number, maxNames: number, keep?: (value: T) => boolean) {
    this.#lifetime = lifetime
    this.#maxNames = maxNames
    this.#keep = keep
  }

  /** How many names are remembered; one that is in both generations counts twice. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  young(name: string): T | undefined {
    return this.#young.get(name)
  }

  old(name: string): T | undefined {
    return this.#old.get(name)
  }

  /** Remembers a name that is used now. */
  set(name: string, value: T): void {
    if (this.#young.size >= this.#maxNames && !this.#young.has(name)) this.#age()
    this.#young.set(name, value)
    this.#timer ??= this.#wait()
  }

  /** Takes a name out of the old generation. */
  deleteOld(name: string): void {
    this.#old.delete(name)
  }

  /** Forgets all names, and lets go of the timer. */
  clear(): void {
    this.#young.clear()
    this.#old.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #age(): void {
    const leaving = this.#old
    this.#old = this.#young
    this.#young = new Map()
    if (!this.#keep) return
    const room = this.#old.size + this.#maxNames
    for (const [name, value] of leaving) {
      if (this.#old.size >= room) return
      if (!this.#old.has(name) && this.#keep(value)) this.#old.set(name, value)
    }
  }

  #wait(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#age()
      this.#timer = this.size > 0 ? this.#wait() : undefined
    }, this.#lifetime).unref()
  }
}
