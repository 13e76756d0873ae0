import type { Port } from './conversation.js'
import type { Session } from './session.js'

/** Answers for which one session waits, and the messages that came from its client meanwhile. */
export class Wait {
  readonly #session: Session
  readonly #port: Port
  #outstanding = 0
  #held: { data: Buffer; binary: boolean }[] = []

  constructor(session: Session, port: Port) {
    this.#session = session
    this.#port = port
  }

  /** Whether an answer is outstanding, so that messages have to wait. */
  get pending(): boolean {
    return this.#outstanding > 0
  }

  /** Keeps a message until all answers are there. */
  hold(data: Buffer, binary: boolean): void {
    this.#held.push({ data, binary })
  }

  /** The session is over. */
  end(): void {
    this.#held = []
  }

  /** Acts on an answer when it is there, then goes on with what arrived meanwhile. */
  for<T>(answer: PromiseLike<T>, act: (answer: T) => void): void {
    if (this.#outstanding++ === 0) this.#port.hold()
    Promise.resolve(answer).then(
      (value) => this.#answered(() => act(value)),
      (error: unknown) => this.#answered(() => this.#session.fail(error)),
    )
  }

  #answered(act: () => void): void {
    const session = this.#session
    this.#outstanding--
    if (!session.ended) session.attempt(act)
    if (this.#outstanding > 0) return
    const held = this.#held
    this.#held = []
    for (const { data, binary } of held) session.receive(data, binary)
    if (this.#outstanding === 0 && !session.ended) this.#port.release()
  }
}
