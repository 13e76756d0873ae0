import type { Denial } from '../core/authority.js'
import type { ClientConnection } from '../core/client-connection.js'
import type { RoomCloseCause } from '../core/kind.js'
import type { LimitName, Observer } from '../core/observer.js'
import type { Member, Room } from '../core/room.js'

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
  /**
   * A WebSocket ended, after its `leave` events. `code` and `reason` are those of the first close frame, from either side;
   * the text may be the client's. Without a close frame `code` is 1006 and `reason` empty.
   */
  disconnect: [ConnectionInfo & { code: number; reason: string }]
  /** A member joined a room. */
  join: [PresenceInfo]
  /** A member left a room, for whatever reason. */
  leave: [PresenceInfo]
  /** The first member of a room on this node joined. */
  'room-created': [RoomInfo]
  /**
   * The last member on this node left a room, or was disconnected because the room was closed: it expired, the node was
   * cut off from the others, or an operator or `closeRoom` closed it. `why` says which.
   */
  'room-removed': [RoomInfo & { why: RoomCloseCause }]
  /**
   * A limit was hit, or a client was refused. It comes for each message or attempt that is refused or has to wait, and
   * for each connection that is closed. For `throttle` and `bytes`, which slow a sender down, it comes about once a
   * second. `address` is the client's.
   */
  limit: [{ limit: LimitName; connection: ConnectionInfo | undefined; address: string | undefined }]
  /** The relay begins to stop: by `close()`, or because an operator drains it from the dashboard. `drain` in milliseconds. */
  closing: [{ drain: number }]
  /** A connection, a room or `/ice-servers` was denied. `connection` is undefined if the request came over HTTP. */
  denied: [{ why: Denial; address: string; connection: ConnectionInfo | undefined }]
}

/** Where a relay's events are emitted. */
export interface EventTarget {
  /**
   * Emits an event.
   *
   * @param session The connection that the event is about. It is closed with 1011 if a listener throws.
   * @param describe Makes the argument of the event. Called only if the event has a listener.
   */
  emitFor<K extends keyof RelayEvents>(
    session: ClientConnection | undefined,
    name: K,
    describe: () => RelayEvents[K][0],
  ): void
  listenerCount(name: keyof RelayEvents): number
}

/** Emits what happens as events. */
export function emitEvents(target: EventTarget): Partial<Observer> {
  return {
    opened(session) {
      target.emitFor(session, 'connection', () => connectionInfo(session))
      // A socket that is gone cannot tell its address any more, unless it was asked before.
      if (target.listenerCount('disconnect') > 0) void session.address
    },
    closed(session, code, reason) {
      target.emitFor(undefined, 'disconnect', () => ({ ...connectionInfo(session), code, reason }))
    },
    roomCreated(room, session) {
      target.emitFor(session, 'room-created', () => roomInfo(room))
    },
    roomRemoved(room, why) {
      target.emitFor(undefined, 'room-removed', () => ({ ...roomInfo(room), why }))
    },
    joined(member) {
      target.emitFor(member.session, 'join', () => presenceInfo(member))
    },
    left(member) {
      target.emitFor(member.session, 'leave', () => presenceInfo(member))
    },
    limited(limit, session, address) {
      target.emitFor(session, 'limit', () => ({
        limit,
        connection: session && connectionInfo(session),
        address: session?.address ?? address,
      }))
    },
    denied(why, address, session) {
      target.emitFor(session, 'denied', () => ({ why, address, connection: session && connectionInfo(session) }))
    },
  }
}

function connectionInfo({ id, address, kind, user }: ClientConnection): ConnectionInfo {
  return { connectionId: id, address, dialect: kind?.name, user }
}

function roomInfo({ kind, name }: Room): RoomInfo {
  return { dialect: kind.name, room: name }
}

function presenceInfo({ session, room, id }: Member): PresenceInfo {
  return { ...roomInfo(room), connectionId: session.id, id, user: session.user, count: room.count }
}
