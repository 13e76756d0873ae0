import type { Authorize, AuthorizeRequest, Hello, Verdict } from './authority.js'
import type { Port } from './conversation.js'
import type { CloseReason } from './errors.js'
import type { Session } from './session.js'

/** Asks on behalf of one session what it may do, and keeps its messages while an answer is outstanding. */
export class Permit {
  readonly #session: Session
  readonly #port: Port
  readonly #authorize: Authorize
  readonly #hello: Hello
  /** How many answers are outstanding, and what came meanwhile. */
  #asking = 0
  #held: { data: Buffer; binary: boolean }[] = []

  constructor(session: Session, port: Port, authorize: Authorize, hello: Hello) {
    this.#session = session
    this.#port = port
    this.#authorize = authorize
    this.#hello = hello
  }

  /** Whether an answer is outstanding, so that messages have to wait. */
  get pending(): boolean {
    return this.#asking > 0
  }

  /** Keeps a message until all answers are there. */
  hold(data: Buffer, binary: boolean): void {
    this.#held.push({ data, binary })
  }

  /** The session is over. */
  end(): void {
    this.#held = []
  }

  /** Goes on with `granted` when the hook agrees: at once if it answers at once. */
  ask(verb: AuthorizeRequest['verb'], room: string | undefined, denial: CloseReason, granted: () => void): void {
    const session = this.#session
    const settle = (verdict: Verdict): void => {
      if (session.ended) return
      if (!allows(verdict)) session.close(denial)
      else {
        if (typeof verdict === 'object' && verdict.user !== undefined) session.user = verdict.user
        granted()
      }
    }
    const { path, query, headers } = this.#hello
    const request = { verb, dialect: session.kind?.name, room, user: session.user, connectionId: session.id }
    const verdict = this.#authorize({ ...request, path, query, headers, address: session.address })
    if (isPromise(verdict)) this.#wait(verdict, settle)
    else settle(verdict)
  }

  /** Acts on an answer when it is there, then goes on with what arrived meanwhile. */
  #wait<T>(answer: Promise<T>, act: (answer: T) => void): void {
    if (this.#asking++ === 0) this.#port.hold()
    Promise.resolve(answer).then(
      (value) => this.#answered(() => act(value)),
      (error: unknown) => this.#answered(() => this.#session.fail(error)),
    )
  }

  #answered(act: () => void): void {
    const session = this.#session
    this.#asking--
    session.attempt(act)
    if (this.#asking > 0) return
    const held = this.#held
    this.#held = []
    for (const { data, binary } of held) session.receive(data, binary)
    if (this.#asking === 0 && !session.ended) this.#port.release()
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
