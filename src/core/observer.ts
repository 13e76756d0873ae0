import type { Denial } from './authority.js'
import type { ClientConnection } from './client-connection.js'
import type { RoomCloseCause } from './kind.js'
import type { Member, Room } from './room.js'

/** Which limit was hit, or why a client was refused. */
export type LimitName =
  /** `rateLimit`: a message was refused. */
  | 'rate'
  /** A connection was closed, because it went on sending over `rateLimit`. */
  | 'flood'
  /** `throttle`: a sender is slowed down. */
  | 'throttle'
  /** `byteRate`: a sender is slowed down. */
  | 'bytes'
  /** A sender waits, because members of its room read too slowly. */
  | 'readers'
  /** `maxMessageBytes`: a connection was closed. */
  | 'message-size'
  /** A connection was closed, because the rest of a message did not come in time. */
  | 'unfinished'
  /** `maxTotalBufferedBytes`: a connection was closed, because messages that have come in part take too much memory. */
  | 'total-unfinished'
  /** `maxTopics`: a subscription was refused. */
  | 'topics'
  /** `maxRoomMembers`: the room is full, and a connection was closed. */
  | 'room-members'
  /** `maxRooms`: no room can be opened, and a connection was closed. */
  | 'rooms'
  /** `maxConnections`: a handshake was refused. */
  | 'connections'
  /** `maxBufferedBytes`: a connection was closed, because its client reads too slowly. */
  | 'backlog'
  /** `maxTotalBufferedBytes`: a connection was cut, because what waits for all slow clients takes too much memory. */
  | 'total-backlog'
  /** `joinTimeout`: a connection was closed that had joined no room. */
  | 'join-timeout'
  /** A connection was cut, because its client answered no ping. */
  | 'heartbeat'
  /** `maxConnectionsPerUser`: a connection was closed. */
  | 'user-connections'
  /** A user has opened its share of `maxRooms`, and a connection was closed. */
  | 'user-rooms'
  /** `maxConnectionsPerIp`: a connection or a handshake was refused. */
  | 'address-connections'
  /** An address has opened its share of `maxRooms`, and a connection was closed. */
  | 'address-rooms'
  /** `connectionRatePerIp`: a connection or a handshake was refused. */
  | 'address-rate'
  /** `allowNetworks` or `denyNetworks`: a client was refused. */
  | 'network'
  /** `joinTimeout`: an HTTP connection was closed on which no request came. */
  | 'handshake-timeout'
  /** An HTTP connection was cut, because its client did not read the answer. */
  | 'answer-timeout'
  /** An HTTP connection was closed after too many requests. */
  | 'requests'
  /** A request had too many headers, or too long ones. */
  | 'headers'
  /** A request was no HTTP, or no valid handshake. */
  | 'bad-request'
  /** A handshake came without `Upgrade` or `Connection`: a proxy takes them out. */
  | 'upgrade-lost'
  /** `turnRate`: TURN credentials were refused. */
  | 'turn-rate'
  /** A request had a wrong `adminToken`. */
  | 'admin-token'

/** Observes what happens in a relay. Must not throw. */
export interface Observer {
  opened(session: ClientConnection): void
  /** @param reason What the close frame says; empty if there was none. */
  closed(session: ClientConnection, code: number, reason: string): void
  roomCreated(room: Room, session: ClientConnection): void
  /** Its last member has left. */
  roomRemoved(room: Room, why: RoomCloseCause): void
  joined(member: Member): void
  left(member: Member): void
  /** @param address Of a client that has no session. */
  limited(limit: LimitName, session?: ClientConnection, address?: string): void
  /** A handshake that was answered with an HTTP status, or that failed in TLS, and why. */
  handshakeFailed(reason: number | 'tls', why: string): void
  /** Somebody was denied something; without a session it was asked for over HTTP. */
  denied(why: Denial, address: string, session?: ClientConnection): void
  /** A message that its dialect refused, and why. */
  refused(session: ClientConnection, why: string): void
  /** A fault in a dialect or a hook; its connection, if it has one, is closed with 1011. */
  failed(error: unknown, session?: ClientConnection): void
}

/** The names of all events. The compiler holds them to the interface. */
const events = {
  opened: true,
  closed: true,
  roomCreated: true,
  roomRemoved: true,
  joined: true,
  left: true,
  limited: true,
  handshakeFailed: true,
  denied: true,
  refused: true,
  failed: true,
} satisfies Record<keyof Observer, true>

type Listeners = Partial<Record<keyof Observer, (...about: unknown[]) => void>>

/** One observer that tells all of them what happens, in their order. */
export function combineObservers(observers: readonly Partial<Observer>[]): Observer {
  const combined: Listeners = {}
  for (const name of Object.keys(events) as (keyof Observer)[]) {
    const listeners = (observers as readonly Listeners[]).filter((observer) => observer[name])
    combined[name] = (...about) => {
      for (const listener of listeners) listener[name]?.(...about)
    }
  }
  return combined as Observer
}
