/**
 * The known name that an unknown one may mean.
 *
 * @returns Undefined if none is close: at most one typing error for each four letters, and two in all.
 */
export function nearest(word: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.min(2, Math.floor(word.length / 4)) + 1
  for (const name of names) {
    const steps = distance(word, name)
    if (steps < least) [best, least] = [name, steps]
  }
  return best
}

/** How many letters to add, remove, replace, or swap with their neighbour: the optimal string alignment distance. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const [left = 0, up = 0, corner = 0] = [row[j - 1], above[j], above[j - 1]]
      let steps = Math.min(left + 1, up + 1, corner + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        steps = Math.min(steps, (before[j - 2] ?? 0) + 1)
      row.push(steps)
    }
    ;[before, above] = [above, row]
  }
  return above[b.length] ?? 0
}
