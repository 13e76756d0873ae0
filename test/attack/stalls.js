// How long a process keeps everybody waiting by what it does itself, whatever else the machine is busy with.

/** Milliseconds between two looks. */
const STEP = 1

/** A share of the moments, so that the rest wait longer. */
const SHARE = 0.99

/**
 * The times in which the event loop was busy with one turn. Each is told in CPU time: while others have the
 * processor, the loop stands still too, but not for what it does.
 */
export class Stalls {
  /** @type {number[]} */
  #stalls = []
  #since = performance.now()
  #last = performance.now()
  #cpu = process.cpuUsage()

  constructor() {
    setInterval(() => this.#look(), STEP).unref()
  }

  /** How long 99 of 100 moments have to wait at most until the loop gets to them, and the longest wait; in milliseconds. */
  take() {
    this.#look()
    const sorted = this.#stalls.sort((a, b) => a - b)
    const rest = (1 - SHARE) * (performance.now() - this.#since)
    // A moment that comes at random waits for what is left of the stall that it falls into.
    let [own, over] = [0, 0]
    for (let i = sorted.length - 1; i >= 0; i--) {
      const [stall = 0, next = 0] = [sorted[i], sorted[i - 1]]
      const longer = sorted.length - i
      if (over + longer * (stall - next) >= rest) {
        own = stall - (rest - over) / longer
        break
      }
      over += longer * (stall - next)
    }
    const longest = sorted.at(-1) ?? 0
    this.#stalls = []
    this.#since = performance.now()
    return { own, longest }
  }

  #look() {
    const now = performance.now()
    const cpu = process.cpuUsage(this.#cpu)
    const busy = Math.min(now - this.#last, (cpu.user + cpu.system) / 1000)
    // What is shorter than a step cannot be told from idling.
    if (now - this.#last > 2 * STEP) this.#stalls.push(busy)
    this.#last = now
    this.#cpu = process.cpuUsage()
  }
}
