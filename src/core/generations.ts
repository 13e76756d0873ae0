/**
 * What is known of any number of names, such as addresses, in two generations: a name that is not used for a whole
 * lifetime is forgotten within the next. However many names come at once, there are never more than `2 * maxNames`:
 * then the old generation is forgotten early.
 */
export class Generations<T> {
  readonly #lifetime: number
  readonly #maxNames: number
  /** Used in this lifetime. */
  #young = new Map<string, T>()
  /** Used in the one before. */
  #old = new Map<string, T>()
  #timer: NodeJS.Timeout | undefined

  /** @param lifetime In milliseconds. */
  constructor(lifetime: number, maxNames: number) {
    this.#lifetime = lifetime
    this.#maxNames = maxNames
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
    this.#old = this.#young
    this.#young = new Map()
  }

  #wait(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#age()
      this.#timer = this.size > 0 ? this.#wait() : undefined
    }, this.#lifetime).unref()
  }
}
