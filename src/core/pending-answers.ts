import type { Transport } from './transport.js'

/** Whose client waits. */
interface Owner {
  readonly ended: boolean
  fail(error: unknown): void
}

/**
 * What a session does once an answer is there. Nothing more is read from its client as long as an answer is pending:
 * what the client sends stays in the socket, and obeys pauses and turns when it is read.
 */
export class PendingAnswers {
  readonly #owner: Owner
  readonly #transport: Pick<Transport, 'hold' | 'release'>
  #pending = 0

  constructor(owner: Owner, transport: Pick<Transport, 'hold' | 'release'>) {
    this.#owner = owner
    this.#transport = transport
  }

  /** Acts on an answer when it is there, unless the session has ended by then. */
  wait<T>(answer: Promise<T>, act: (answer: T) => void): void {
    if (this.#pending++ === 0) this.#transport.hold()
    answer.then(
      (value) => this.#settle(() => act(value)),
      (error: unknown) => this.#settle(() => this.#owner.fail(error)),
    )
  }

  #settle(act: () => void): void {
    this.#pending--
    if (this.#owner.ended) return
    try {
      act()
    } catch (error) {
      this.#owner.fail(error)
    }
    // It may wait for another answer by now.
    if (this.#pending === 0 && !this.#owner.ended) this.#transport.release()
  }
}
