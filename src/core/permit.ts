import type { Authorize, AuthorizeRequest, Hello, Verdict } from './authority.js'
import type { CloseReason } from './errors.js'
import type { Session } from './session.js'

/** Asks on behalf of one session what it may do. */
export class Permit {
  readonly #session: Session
  readonly #authorize: Authorize
  readonly #hello: Hello

  constructor(session: Session, authorize: Authorize, hello: Hello) {
    this.#session = session
    this.#authorize = authorize
    this.#hello = hello
  }

  /** Goes on with `granted` when the hook agrees: at once if it answers at once. */
  ask(verb: AuthorizeRequest['verb'], room: string | undefined, denial: CloseReason, granted: () => void): void {
    const session = this.#session
    const settle = (verdict: Verdict): void => {
      if (!allows(verdict)) session.close(denial)
      else {
        if (typeof verdict === 'object' && verdict.user !== undefined) session.user = verdict.user
        granted()
      }
    }
    const { path, query, headers } = this.#hello
    const request = { verb, dialect: session.kind?.name, room, user: session.user, connectionId: session.id }
    const verdict = this.#authorize({ ...request, path, query, headers, address: session.address })
    if (isPromise(verdict)) session.wait(verdict, settle)
    else settle(verdict)
  }
}

/** Anything but `true` and an object that names a user or nobody refuses, such as what a hook forgot to return. */
function allows(verdict: unknown): boolean {
  if (typeof verdict !== 'object' || verdict === null) return verdict === true
  if (verdict instanceof Error || Array.isArray(verdict)) return false
  return !('user' in verdict) || verdict.user === undefined || typeof verdict.user === 'string'
}

function isPromise(verdict: Verdict | Promise<Verdict>): verdict is Promise<Verdict> {
  return typeof verdict === 'object' && verdict !== null && 'then' in verdict
}
