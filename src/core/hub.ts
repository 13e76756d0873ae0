import { Alarms } from './alarms.js'
import { Counters } from './counters.js'
import { closes } from './errors.js'
import { Tally } from './limits.js'
import type { Member, Room } from './room.js'
import { Rooms } from './rooms.js'
import type { Session } from './session.js'

/** The limits that the core enforces; all are described in `options/limits.ts`. 0 means none. */
export interface Limits {
  readonly maxRooms: number
  readonly maxRoomMembers: number
  readonly maxTopics: number
  readonly maxConnectionsPerUser: number
  readonly rateLimit: number
  readonly rateLimitWindow: number
  readonly throttle: number
  readonly byteRate: number
  readonly joinTimeout: number
  readonly roomExpiry: number
}

/** What is asked of an {@link Authorize} hook. */
export interface AuthorizeRequest {
  /** `connect` once for each connection; `join` for each room; `publish` for a message to a room that the connection is not in (`y-webrtc`). */
  readonly verb: 'connect' | 'join' | 'publish'
  /** Undefined for `connect` at `/`, where the first message decides. */
  readonly dialect: string | undefined
  /** The room's name; undefined for `connect`. */
  readonly room: string | undefined
  /** The user named by an earlier answer for this connection. */
  readonly user: string | undefined
  /** The id of the connection. */
  readonly connectionId: string
  /** The path of the upgrade request. */
  readonly path: string
  /** The query of the upgrade request. */
  readonly query: URLSearchParams
  /** The headers of the upgrade request, names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The address of the client. */
  readonly address: string
}

/** `true` or an object allows; the object may name the user. `false` refuses. */
export type Verdict = boolean | { readonly user?: string }

/**
 * Decides who may do what. While it thinks, the client's messages wait, and its socket is not read any
 * further. If it throws or rejects, the connection is closed with 1011.
 */
export type Authorize = (request: AuthorizeRequest) => Verdict | Promise<Verdict>

/** Which limit was hit, or for what a client was turned away. */
export type LimitName =
  | 'rate'
  | 'flood'
  | 'throttle'
  | 'bytes'
  | 'message-size'
  | 'fragments'
  | 'topics'
  | 'room-members'
  | 'rooms'
  | 'connections'
  | 'backlog'
  | 'total-backlog'
  | 'join-timeout'
  | 'heartbeat'
  | 'user-connections'
  | 'address-connections'
  | 'address-rate'
  | 'network'
  | 'handshake-timeout'
  | 'answer-timeout'
  | 'requests'
  | 'headers'
  | 'bad-request'
  | 'tls'
  | 'admin-token'

/** Hears what happens in the core. Must not throw. */
export interface Observer {
  opened(session: Session): void
  closed(session: Session, code: number): void
  roomCreated(room: Room, session: Session): void
  /** Its last member has left; `room.expired` tells whether it had to. */
  roomRemoved(room: Room): void
  joined(member: Member): void
  left(member: Member): void
  /** @param address Of a client that has no session. */
  limited(limit: LimitName, session?: Session, address?: string): void
  /** A message that its dialect refused, and why. */
  refused(session: Session, why: string): void
  /** A fault in a dialect or a hook; its connection is closed with 1011. */
  failed(error: unknown, session: Session): void
}

/** What all sessions of a relay share. */
export class Hub {
  readonly limits: Limits
  readonly observer: Observer
  readonly authorize: Authorize | undefined
  readonly counters = new Counters()
  readonly rooms: Rooms
  /** Connections by the users whom the hook named. */
  readonly users: Tally
  readonly joinDeadlines = new Alarms<Session>((session) => {
    this.observer.limited('join-timeout', session)
    session.close(closes.joinTimeout)
  })

  constructor(limits: Limits, observer: Observer, authorize?: Authorize) {
    this.limits = limits
    this.observer = observer
    this.authorize = authorize
    this.rooms = new Rooms(limits, this.counters)
    this.users = new Tally(limits.maxConnectionsPerUser)
  }

  /** Lets go of all timers. */
  stop(): void {
    this.joinDeadlines.clear()
    this.rooms.stop()
  }
}
