import type { CloseReason } from './close-reasons.js'
import type { Congestible } from './congestion.js'
import type { TransportStats } from './transport.js'

/** A session as rooms, logs and the dashboard see it. */
export interface ClientConnection {
  /** Unguessable, unique; also the public id of a member where the dialect asks for none. */
  readonly id: string
  /** Named by a token or the `authorize` hook. */
  readonly user: string | undefined
  /** The address of the client; empty once the connection is gone. */
  readonly address: string
  /** The dialect spoken, once that is clear. */
  readonly kind: { readonly name: string } | undefined
  /** When it began, in whole seconds of `performance.now()`. */
  readonly since: number
  /** Messages that came from the client, those that were refused among them. */
  readonly messages: number
  /** What its connection has carried so far, and what waits there. */
  measure(): TransportStats
  /** Sends frames of a room to the client. */
  write(frames: Buffer, room: Congestible | undefined): void
  /** Ends it from this side. */
  close(reason: CloseReason): void
}
