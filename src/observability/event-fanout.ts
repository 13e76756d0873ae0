import type { Denial } from '../core/authority.js'
import type { LimitName, Observer } from '../core/context.js'
import type { Ending, Member, Room } from '../core/room.js'
import type { Session } from '../core/session.js'
import type { EventCounters } from './event-counters.js'
import type { EventLog } from './event-log.js'

/** A connection, as events describe it. */
export interface ConnectionInfo {
  connectionId: string
  /** The address of the client. */
  address: string
  /** Undefined as long as the first message is awaited to tell. */
  dialect: string | undefined
  /** Named by the token or the `authorize` hook. */
  user: string | undefined
}

/** A room, as events describe it. */
export interface RoomInfo {
  dialect: string
  room: string
}

/** A join or a leave. */
export interface PresenceInfo extends RoomInfo {
  connectionId: string
  /** The name under which the others know the member: the `peerId` in `pluresdb`, else the connection's id. */
  id: string
  user: string | undefined
  /** Members after the event. */
  count: number
}

/** The events of a relay, with their arguments. */
export interface RelayEvents {
  /** A WebSocket was opened. */
  connection: [ConnectionInfo]
  /** A member joined a room. */
  join: [PresenceInfo]
  /** A member left a room, for whatever reason. */
  leave: [PresenceInfo]
  /** The first member of a room joined. */
  'room-created': [RoomInfo]
  /** The last member on this node left a room, or had to: it expired, or the node was cut off from the others. */
  'room-removed': [RoomInfo & { why: 'empty' | Ending }]
  /** A limit was hit, or a client turned away; once for every message or attempt, and while a sender is slowed down once for every second of it. `address` is the client's. */
  limit: [{ limit: LimitName; connection: ConnectionInfo | undefined; address: string | undefined }]
  /** The relay begins to stop: by `close()`, or because an operator drains it from the dashboard. `drain` in milliseconds. */
  closing: [{ drain: number }]
  /** Somebody was denied something; without a connection it was asked for over HTTP. */
  denied: [{ why: Denial; address: string; connection: ConnectionInfo | undefined }]
}

/** Emits an event, described only if somebody listens, on behalf of a session, which pays if a listener throws. */
export type Emit = <K extends keyof RelayEvents>(
  session: Session | undefined,
  name: K,
  describe: () => RelayEvents[K][0],
) => void

/** Counts what happens, writes it to the journal, and emits it as events. */
export class EventFanout implements Observer {
  readonly #tally: EventCounters
  readonly #journal: EventLog
  readonly #emit: Emit

  constructor(tally: EventCounters, journal: EventLog, emit: Emit) {
    this.#tally = tally
    this.#journal = journal
    this.#emit = emit
  }

  opened(session: Session): void {
    this.#journal.opened(session)
    this.#emit(session, 'connection', () => connectionInfo(session))
  }

  closed(session: Session, code: number): void {
    this.#tally.closed(session, code)
    this.#journal.closed(session, code)
  }

  roomCreated(room: Room, session: Session): void {
    this.#journal.roomCreated(room)
    this.#emit(session, 'room-created', () => roomInfo(room))
  }

  roomRemoved(room: Room): void {
    this.#journal.roomRemoved(room)
    this.#emit(undefined, 'room-removed', () => ({ ...roomInfo(room), why: room.ending ?? 'empty' }))
  }

  joined(member: Member): void {
    this.#journal.joined(member)
    this.#emit(member.session, 'join', () => presenceInfo(member))
  }

  left(member: Member): void {
    this.#journal.left(member)
    this.#emit(member.session, 'leave', () => presenceInfo(member))
  }

  limited(limit: LimitName, session?: Session, address?: string): void {
    this.#tally.limited(limit)
    this.#journal.limited(limit, session, address)
    this.#emit(session, 'limit', () => ({
      limit,
      connection: session && connectionInfo(session),
      address: session?.address ?? address,
    }))
  }

  handshakeFailed(reason: number | 'tls', why: string): void {
    this.#tally.handshakeFailed(reason)
    this.#journal.handshakeFailed(reason, why)
  }

  denied(why: Denial, address: string, session?: Session): void {
    this.#tally.denied(why)
    this.#journal.denied(why, address, session)
    this.#emit(session, 'denied', () => ({ why, address, connection: session && connectionInfo(session) }))
  }

  refused(session: Session, why: string): void {
    this.#tally.refused(session)
    this.#journal.refused(session, why)
  }

  failed(error: unknown, session?: Session): void {
    this.#tally.failed()
    this.#journal.failed(error, session)
  }
}

function connectionInfo({ id, address, kind, user }: Session): ConnectionInfo {
  return { connectionId: id, address, dialect: kind?.name, user }
}

function roomInfo({ kind, name }: Room): RoomInfo {
  return { dialect: kind.name, room: name }
}

function presenceInfo({ session, room, id }: Member): PresenceInfo {
  return { ...roomInfo(room), connectionId: session.id, id, user: session.user, count: room.count }
}
