import type { Authorize, AuthorizeRequest, Verdict } from './authority.js'
import { Deadlines } from './deadlines.js'

/** How much longer than `joinTimeout` an answer may take, in milliseconds: a client that has yet to join is closed by that one first. */
const GRACE = 10_000

/** The `authorize` hook with a deadline, since a socket or a request waits for its answer. */
export class AuthorizeHook {
  readonly #authorize: Authorize
  readonly #timeout: number
  readonly #deadlines = new Deadlines<() => void>((lapse) => lapse())

  /** @param joinTimeout The option, in milliseconds. */
  constructor(authorize: Authorize, joinTimeout: number) {
    this.#authorize = authorize
    this.#timeout = joinTimeout + GRACE
  }

  /** Asks it. The answer rejects if the hook does, or takes too long. */
  ask(request: AuthorizeRequest): Verdict | Promise<Verdict> {
    const verdict = this.#authorize(request)
    return isPromise(verdict) ? this.#inTime(verdict) : verdict
  }

  /** Lets go of the timer. */
  stop(): void {
    this.#deadlines.clear()
  }

  #inTime(verdict: Promise<Verdict>): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      const lapse = (): void => reject(new Error(`The authorize hook has not answered within ${this.#timeout} ms`))
      const deadline = this.#deadlines.set(lapse, this.#timeout)
      const settled = (): void => this.#deadlines.cancel(deadline)
      // It may be any thenable.
      Promise.resolve(verdict).then(resolve, reject).then(settled, settled)
    })
  }
}

/** Whether an answer is yet to come. */
export function isPromise(verdict: Verdict | Promise<Verdict>): verdict is Promise<Verdict> {
  return typeof verdict === 'object' && verdict !== null && 'then' in verdict
}
