import { Deadlines } from '../core/deadlines.js'
import type { Connection } from './connection.js'

/** Pings every connection once an interval, and ends those from which nothing came until the next ping. */
export class Heartbeat {
  readonly #interval: number
  readonly #pings = new Deadlines<Connection>((connection) => this.#beat(connection))

  /** @param interval In milliseconds; 0 means no pings. */
  constructor(interval: number) {
    this.#interval = interval
  }

  watch(connection: Connection): void {
    if (this.#interval > 0) connection.nextPing = this.#pings.set(connection, this.#interval)
  }

  unwatch(connection: Connection): void {
    this.#pings.cancel(connection.nextPing)
  }

  stop(): void {
    this.#pings.clear()
  }

  #beat(connection: Connection): void {
    if (!connection.open) return
    if (!connection.heard && !connection.stalled) {
      connection.session.reportLimit('heartbeat')
      connection.terminate()
      return
    }
    connection.ping()
    this.watch(connection)
  }
}
