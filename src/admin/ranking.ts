interface Ranked<T> {
  readonly item: T
  readonly score: number
}

/**
 * The first few of many by a score: a binary heap with the least of them on top. A sorted array would be shorter. But
 * rooms come in the order in which they were made, and ranked by age each of them is better than those before it: the
 * array takes three times as long then, every second.
 */
export class Ranking<T> {
  readonly #most: number
  readonly #heap: Ranked<T>[] = []

  /** @param most How many are kept. */
  constructor(most: number) {
    this.#most = most
  }

  /** Whether a score is among the first so far. */
  admits(score: number): boolean {
    return this.#heap.length < this.#most || score > this.#scoreAt(0)
  }

  /** Takes an item in whose score is admitted. */
  add(item: T, score: number): void {
    const entry = { item, score }
    if (this.#heap.length < this.#most) {
      this.#heap.push(entry)
      this.#rise(this.#heap.length - 1, entry)
    } else this.#sink(entry)
  }

  /** The items, the highest score first. */
  best(): T[] {
    return [...this.#heap].sort((a, b) => b.score - a.score).map(({ item }) => item)
  }

  #scoreAt(place: number): number {
    return this.#heap[place]?.score ?? Number.POSITIVE_INFINITY
  }

  #rise(place: number, entry: Ranked<T>): void {
    let at = place
    while (at > 0) {
      const up = (at - 1) >> 1
      const above = this.#heap[up]
      if (!above || above.score <= entry.score) break
      this.#heap[at] = above
      at = up
    }
    this.#heap[at] = entry
  }

  /** Puts an entry in the place of the least. */
  #sink(entry: Ranked<T>): void {
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const least = this.#scoreAt(left + 1) < this.#scoreAt(left) ? left + 1 : left
      const below = this.#heap[least]
      if (!below || below.score >= entry.score) break
      this.#heap[at] = below
      at = least
    }
    this.#heap[at] = entry
  }
}
