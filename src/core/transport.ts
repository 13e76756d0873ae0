import type { CloseReason } from './close-reasons.js'
import type { Congestible } from './congestion.js'

/** What a connection has carried, and what waits for its client; in bytes of the wire. */
export interface TransportStats {
  readonly received: number
  readonly sent: number
  readonly backlog: number
}

/** What the core needs of a connection. */
export interface Transport {
  /** The address of the client, for the log; empty once the connection is gone. */
  readonly address: string
  /**
   * The client's address as limits count it: IPv6 by its /64. Empty if unknown, and once the connection is gone. Code
   * that counts by it must keep the value, to release it later.
   */
  readonly network: string
  /** What it has carried so far, and what waits there. */
  measure(): TransportStats
  /**
   * Sends one or several whole frames. While the client's own bytes are being read, they are collected, and sent together
   * at the end of the read.
   *
   * @param room The room that the frames come from, if others get them too. It hears when the client falls behind.
   */
  write(frames: Buffer, room?: Congestible): void
  /** Sends a close frame, and then closes the connection. Called by `Session.close` alone, when the session has ended. */
  close(reason: CloseReason): void
  /** Reads nothing more until {@link Transport.release}, not even what has come with the message that is being read. */
  hold(): void
  release(): void
  /** Reads nothing more for so many milliseconds, not even what has come with the message that is being read. */
  pause(milliseconds: number): void
}
