import { constants, fstatSync, openSync, writeSync, write as writeTo } from 'node:fs'
import { isatty } from 'node:tty'

/** Bytes that wait at most. */
const MAX_WAITING = 2 ** 20

/** Bytes that are written at once: as many as an empty pipe takes. */
const CHUNK = 65_536

/** The pause before a write that failed is tried again, the first and the longest, in milliseconds. */
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 1000

/**
 * Writes to a file descriptor without ever waiting for it: neither a full disk nor a reader that stands still holds
 * anything up. A text that finds no room is refused. Each goes out whole, or not at all.
 */
export class LogOutput {
  readonly #fd: number
  #open: number | undefined
  readonly #waiting: string[] = []
  #waitingBytes = 0
  /** The rest of what is being written. */
  #chunk: Buffer = Buffer.alloc(0)
  #scheduled = false
  #writing = false
  #pause = FIRST_PAUSE
  #retry: NodeJS.Timeout | undefined
  readonly #idle = new Set<() => void>()

  constructor(fd: number) {
    this.#fd = fd
  }

  /** Whether a write is under way. One to a blocking terminal or a dead network file system may never return. */
  get writing(): boolean {
    return this.#writing
  }

  /** Takes a text to be written soon. @returns False if there is no room for it. */
  write(text: string): boolean {
    const bytes = Buffer.byteLength(text)
    if (this.#chunk.length + this.#waitingBytes + bytes > MAX_WAITING) return false
    if (this.#open === undefined) this.#begin()
    this.#waiting.push(text)
    this.#waitingBytes += bytes
    this.#schedule()
    return true
  }

  /** Calls back once, when nothing waits any more. */
  onceIdle(callback: () => void): void {
    this.#idle.add(callback)
  }

  /** Waits until nothing waits any more, but not longer than `patience` milliseconds. */
  async drained(patience: number): Promise<void> {
    if (this.#isIdle()) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience)
      this.#idle.add(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #begin(): void {
    this.#open = openWithoutWaiting(this.#fd)
    // A process that dies of an error has yet to say why.
    process.once('exit', () => this.#finish())
  }

  /** What is written within a turn of the event loop goes out together. */
  #schedule(): void {
    if (this.#scheduled || this.#writing || this.#retry) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#write()
    })
  }

  #write(): void {
    if (this.#chunk.length === 0) this.#chunk = this.#next()
    if (this.#chunk.length === 0 || this.#open === undefined) return
    this.#writing = true
    writeTo(this.#open, this.#chunk, (error, written) => {
      this.#writing = false
      this.#chunk = this.#chunk.subarray(written)
      if (error || written === 0) this.#tryLater()
      else this.#goOn()
    })
  }

  #goOn(): void {
    this.#pause = FIRST_PAUSE
    if (!this.#isIdle()) {
      this.#write()
      return
    }
    const idle = [...this.#idle]
    this.#idle.clear()
    for (const callback of idle) callback()
  }

  #tryLater(): void {
    // Not a reason for the process to live on.
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#write()
    }, this.#pause).unref()
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE)
  }

  #next(): Buffer {
    let bytes = 0
    let count = 0
    for (const text of this.#waiting) {
      bytes += Buffer.byteLength(text)
      count++
      if (bytes >= CHUNK) break
    }
    this.#waitingBytes -= bytes
    return Buffer.from(this.#waiting.splice(0, count).join(''))
  }

  #isIdle(): boolean {
    return this.#chunk.length + this.#waitingBytes === 0
  }

  #finish(): void {
    if (this.#writing || this.#open === undefined) return
    const rest = Buffer.concat([this.#chunk, Buffer.from(this.#waiting.join(''))])
    try {
      if (rest.length > 0) writeSync(this.#open, rest)
    } catch {}
  }
}

/** A descriptor for the same file that does not block, where the system has that: a write fails and does not wait. */
function openWithoutWaiting(fd: number): number {
  try {
    if (isatty(fd) || fstatSync(fd).isFIFO()) {
      // Opened again, because all holders of the descriptor share its mode, such as the shell.
      return openSync(`/dev/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    }
  } catch {}
  if (fd !== 1) return fd
  // A socket, or what another user owns. Node changes the mode of sockets and pipes, and sets it back at the end; of
  // a terminal only when it is told to.
  const { _handle } = process.stdout as { _handle?: { setBlocking?(blocking: boolean): void } }
  _handle?.setBlocking?.(false)
  return fd
}

let shared: LogOutput | undefined

/** The standard output of this process. */
export function standardLogOutput(): LogOutput {
  return (shared ??= new LogOutput(1))
}
