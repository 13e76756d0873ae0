import type { IncomingMessage } from 'node:http'
import type { RelayContext } from '../core/context.js'
import type { AdminAuth } from '../http/admin-auth.js'
import type { EventLog } from '../observability/event-log.js'
import type { RoomNameHasher } from '../observability/room-names.js'
import type { Health } from '../observability/status-report.js'

/** What the dashboard shows, and acts on. */
export interface DashboardSources {
  readonly context: RelayContext
  readonly adminAuth: AdminAuth
  readonly roomNames: RoomNameHasher
  readonly eventLog: EventLog
  health(): Health
  addressFor(request: IncomingMessage): string
  /** Ends a connection. */
  disconnect(connectionId: string): void
  /** Stops the relay. */
  drain(): void
}
