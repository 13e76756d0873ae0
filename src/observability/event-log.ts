import type { Denial } from '../core/authority.js'
import type { ClientConnection } from '../core/client-connection.js'
import type { RoomCloseCause } from '../core/kind.js'
import type { LimitName, Observer } from '../core/observer.js'
import type { Member, Room } from '../core/room.js'
import type { Rooms } from '../core/rooms.js'
import type { Logger } from './logger.js'
import type { RoomNameHasher } from './room-names.js'
import type { Stats } from './status-report.js'
import { WarningSummary } from './warning-summary.js'

/** What the log says of each limit. */
export const limitMessages: Record<LimitName, string> = {
  rate: 'Rate limit exceeded',
  flood: 'Connection closed for flooding',
  throttle: 'Sender slowed down: too many messages',
  bytes: 'Sender slowed down: too many bytes',
  readers: 'Sender slowed down: its readers are behind',
  'message-size': 'Message too big',
  unfinished: 'Message not finished in time',
  'total-unfinished': 'Too many unfinished messages',
  topics: 'Too many topics',
  'room-members': 'Room is full',
  rooms: 'Too many rooms',
  connections: 'Too many connections',
  backlog: 'Slow reader dropped',
  'total-backlog': 'Slow reader cut off: too many unsent bytes in all',
  'join-timeout': 'No room joined in time',
  heartbeat: 'Dead connection cleaned up',
  'user-connections': 'Too many connections of one user',
  'user-rooms': 'Too many rooms of one user',
  'address-rooms': 'Too many rooms of one address',
  'address-connections': 'Too many connections from one address',
  'address-rate': 'Too many new connections from one address',
  network: 'Client of a network that is not allowed',
  'handshake-timeout': 'No request in time',
  'answer-timeout': 'HTTP client that does not read cut off',
  requests: 'Too many requests in one connection',
  headers: 'Too many headers, or too long',
  'bad-request': 'Bad request',
  'upgrade-lost': 'Handshake without Upgrade: the proxy has to pass Upgrade and Connection on, in HTTP/1.1',
  'turn-rate': 'Too many TURN credentials asked for',
  'admin-token': 'Wrong admin token',
}

/** What the log says of operators. */
export type Operation =
  | 'Signed in to the dashboard'
  | 'Signed out of the dashboard'
  | 'Room closed from the dashboard'
  | 'Member disconnected from the dashboard'
  | 'Drain started from the dashboard'

/** Writes what happens to the log: no payload, no query, and rooms by their hashes. */
export class EventLog implements Observer {
  readonly #log: Logger
  readonly #roomNames: RoomNameHasher
  readonly #summary: WarningSummary

  constructor(log: Logger, roomNames: RoomNameHasher) {
    this.#log = log
    this.#roomNames = roomNames
    this.#summary = new WarningSummary(log)
  }

  opened(session: ClientConnection): void {
    // The address costs a system call, and is asked for only if the line is written.
    this.#summary.debug('Connection opened', () => {
      return { connectionId: session.id, address: session.address, dialect: session.kind?.name }
    })
  }

  closed({ id, kind }: ClientConnection, code: number): void {
    this.#summary.debug('Connection closed', () => ({ connectionId: id, dialect: kind?.name, code }))
  }

  roomCreated(room: Room): void {
    this.#summary.info('Room created', () => this.#about(room))
  }

  roomRemoved(room: Room, why: RoomCloseCause): void {
    this.#summary.info(why === 'expired' ? 'Room expired' : 'Room removed', () => this.#about(room))
  }

  joined(member: Member): void {
    this.#presence(member, 'User joined room')
  }

  left(member: Member): void {
    this.#presence(member, 'User left room')
  }

  limited(limit: LimitName, session?: ClientConnection, address?: string): void {
    this.#summary.warn(session?.id ?? address ?? '', limitMessages[limit], () => {
      const who = session
        ? { connectionId: session.id, address: session.address, dialect: session.kind?.name }
        : address !== undefined && { address }
      return { ...who, limit }
    })
  }

  handshakeFailed(reason: number | 'tls', why: string): void {
    this.#summary.debug('Handshake failed', () => ({ reason, why }))
  }

  /** By address and not by connection: who guesses tokens has a new connection for each. */
  denied(why: Denial, address: string, session?: ClientConnection): void {
    this.#summary.warn(`${address} ${why}`, 'Access denied', () => {
      return { address, ...(session && { connectionId: session.id, dialect: session.kind?.name }), why }
    })
  }

  refused(session: ClientConnection, why: string): void {
    const { id, kind } = session
    this.#summary.warn(id, 'Message refused', () => {
      return { connectionId: id, address: session.address, dialect: kind?.name, why }
    })
  }

  /** Somebody with the admin token came, went, or did something. */
  operated(address: string, what: Operation, about: { room?: Room; connectionId?: string } = {}): void {
    const { room, ...rest } = about
    const fields = { address, ...rest, ...(room && { ...this.#about(room), userCount: room.members.length }) }
    this.#log.warn(fields, what)
  }

  failed(error: unknown, session?: ClientConnection): void {
    const who = { connectionId: session?.id, dialect: session?.kind?.name }
    this.#summary.error(error, 'Fault in a dialect or a hook', () => who)
  }

  listenerFailed(error: unknown, session?: ClientConnection): void {
    this.#summary.error(error, 'Fault in an event listener', () => ({ connectionId: session?.id }))
  }

  pageFailed(error: unknown): void {
    this.#summary.error(error, 'Fault in a page')
  }

  /** The totals, and at debug level the size of each room. */
  statistics({ currentRooms, currentConnections, topics, peers, messagesRelayed }: Stats, rooms: Rooms): void {
    const totals = { rooms: currentRooms, connections: currentConnections, topics, peers, messagesRelayed }
    this.#log.info(totals, 'Statistics')
    if (!this.#log.isLevelEnabled('debug')) return
    for (const room of rooms) {
      this.#summary.debug('Room statistics', () => ({ ...this.#about(room), userCount: room.count }))
    }
  }

  /** Writes what is still held back. */
  close(): void {
    this.#summary.flush()
  }

  #presence({ session, room }: Member, message: string): void {
    this.#summary.info(message, () => ({ connectionId: session.id, ...this.#about(room), userCount: room.count }))
  }

  #about(room: Room): { dialect: string; roomId: string } {
    return { dialect: room.kind.name, roomId: this.#roomNames.nameOf(room) }
  }
}
