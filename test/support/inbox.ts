import type { Session } from '../../src/core/session.js'

/** What a client without a socket sends: as a connection does, it delivers nothing while it is held. */
export class Inbox {
  #session: Session | undefined
  #held = false
  #waiting: Buffer[] = []

  /** Called by the session's port. */
  hold(): void {
    this.#held = true
  }

  /** Called by the session's port. */
  release(): void {
    this.#held = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const message of waiting) this.#pass(message)
  }

  /** Whose messages come from now on. */
  serve(session: Session): void {
    this.#session = session
  }

  /** The client sends a text. */
  send(text: string): void {
    this.#pass(Buffer.from(text))
  }

  #pass(message: Buffer): void {
    if (this.#held) this.#waiting.push(message)
    else this.#session?.receive(message, false)
  }
}
