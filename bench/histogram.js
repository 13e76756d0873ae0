/** Counts of latencies in microseconds, each bucket no wider than 1/256 of its value. */
const PRECISION_BITS = 8
const BUCKETS_AN_OCTAVE = 2 ** PRECISION_BITS
const LARGEST = 2 ** 31 - 1

export class Histogram {
  #counts = new Uint32Array((32 - PRECISION_BITS) * BUCKETS_AN_OCTAVE)
  #total = 0

  record(microseconds) {
    const value = Math.max(0, Math.min(microseconds, LARGEST)) | 0
    const shift = Math.max(0, 31 - Math.clz32(value) - PRECISION_BITS)
    this.#counts[shift * BUCKETS_AN_OCTAVE + (value >>> shift)]++
    this.#total++
  }

  /** The latency in milliseconds that a share of all did not exceed. */
  quantile(share) {
    if (this.#total === 0) return Number.NaN
    let rest = Math.ceil(share * this.#total)
    for (let index = 0; index < this.#counts.length; index++) {
      rest -= this.#counts[index]
      if (rest <= 0) return valueAt(index) / 1000
    }
    return Number.NaN
  }
}

function valueAt(index) {
  if (index < 2 * BUCKETS_AN_OCTAVE) return index
  const shift = Math.floor(index / BUCKETS_AN_OCTAVE) - 1
  return (index - shift * BUCKETS_AN_OCTAVE + 1) * 2 ** shift - 1
}
