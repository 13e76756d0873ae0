/**
 * A queue that gives one of the heaviest items in constant time. Items are kept in buckets, by the number of binary
 * digits of their weight, so no item is twice as heavy as the one that is given.
 */
export class Heaviest<T> {
  readonly #classes: Set<T>[] = []

  /** One of the heaviest; undefined if there is none. */
  get first(): T | undefined {
    for (let i = this.#classes.length - 1; i > 0; i--) {
      for (const item of this.#classes[i] ?? []) return item
    }
    return undefined
  }

  /** The weight of an item changes from one figure to another; 0 means that it is not in the queue. */
  move(item: T, from: number, to: number): void {
    const [before, after] = [digits(from), digits(to)]
    if (before === after) return
    this.#classes[before]?.delete(item)
    while (this.#classes.length <= after) this.#classes.push(new Set())
    if (after > 0) this.#classes[after]?.add(item)
  }
}

/** Binary digits: 0 for 0, 1 for 1, 2 for 2 and 3. */
function digits(weight: number): number {
  return weight > 0 ? Math.floor(Math.log2(weight)) + 1 : 0
}
