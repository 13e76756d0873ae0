import { Alarms } from './alarms.js'
import type { Access, Denial } from './authority.js'
import { wallClock } from './clocks.js'
import type { Cluster } from './cluster.js'
import { Counters } from './counters.js'
import { closes } from './errors.js'
import type { HistoryLimits } from './history.js'
import { Hook } from './hook.js'
import { Quota } from './limits.js'
import { Meters } from './meters.js'
import type { Member, Room } from './room.js'
import { Rooms } from './rooms.js'
import type { Session } from './session.js'
import { Stalls } from './stalls.js'

/** What `throttle` is counted over, in milliseconds. */
const SECOND = 1000

/** The limits that the core enforces; all are described in `options/limits.ts`. 0 means none. */
export interface Limits extends HistoryLimits {
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

/** Which limit was hit, or for what a client was turned away. */
export type LimitName =
  | 'rate'
  | 'flood'
  | 'throttle'
  | 'bytes'
  | 'readers'
  | 'message-size'
  | 'unfinished'
  | 'total-unfinished'
  | 'topics'
  | 'room-members'
  | 'rooms'
  | 'connections'
  | 'backlog'
  | 'total-backlog'
  | 'join-timeout'
  | 'heartbeat'
  | 'user-connections'
  | 'user-rooms'
  | 'address-connections'
  | 'address-rooms'
  | 'address-rate'
  | 'network'
  | 'handshake-timeout'
  | 'answer-timeout'
  | 'requests'
  | 'headers'
  | 'bad-request'
  | 'upgrade-lost'
  | 'turn-rate'
  | 'admin-token'

/** Hears what happens in the core. Must not throw. */
export interface Observer {
  opened(session: Session): void
  closed(session: Session, code: number): void
  roomCreated(room: Room, session: Session): void
  /** Its last member has left; `room.ending` tells whether it had to. */
  roomRemoved(room: Room): void
  joined(member: Member): void
  left(member: Member): void
  /** @param address Of a client that has no session. */
  limited(limit: LimitName, session?: Session, address?: string): void
  /** A handshake that was answered with an HTTP status, or that failed in TLS, and why. */
  handshakeFailed(reason: number | 'tls', why: string): void
  /** Somebody was denied something; without a session it was asked for over HTTP. */
  denied(why: Denial, address: string, session?: Session): void
  /** A message that its dialect refused, and why. */
  refused(session: Session, why: string): void
  /** A fault in a dialect or a hook; its connection, if it has one, is closed with 1011. */
  failed(error: unknown, session?: Session): void
}

/** What all sessions of a relay share. */
export class Hub {
  readonly limits: Limits
  readonly observer: Observer
  readonly access: Access
  /** Asked after the tokens. */
  readonly hook: Hook | undefined
  readonly cluster: Cluster | undefined
  readonly counters = new Counters()
  readonly rooms: Rooms
  /** Watches while there are senders whose messages could be refused for it. */
  readonly stalls = new Stalls()
  /** Connections by the users whom tokens or the hook named. */
  readonly users: Quota
  /** Work for others by users and addresses, counted as their messages are, but over all their connections. */
  readonly work: Meters
  readonly joinDeadlines = new Alarms<Session>((session) => {
    this.observer.limited('join-timeout', session)
    session.close(closes.joinTimeout)
  })
  /** Ends of what tokens and the hook have granted. */
  readonly expiries = new Alarms<Session>((session) => session.deny('token-expired', closes.invalidToken), wallClock)

  constructor(limits: Limits, observer: Observer, access: Access = {}, cluster?: Cluster) {
    this.limits = limits
    this.observer = observer
    this.access = access
    this.hook = access.authorize && new Hook(access.authorize, limits.joinTimeout)
    this.cluster = cluster
    this.rooms = new Rooms(limits, this.counters, cluster)
    this.users = new Quota(limits.maxConnectionsPerUser || Number.POSITIVE_INFINITY)
    this.work = new Meters(limits.throttle, SECOND)
  }

  /** Whether tokens are checked or a hook is asked. */
  get asks(): boolean {
    return this.access.tokens !== undefined || this.access.authorize !== undefined
  }

  /** Lets go of all timers. */
  stop(): void {
    this.joinDeadlines.clear()
    this.expiries.clear()
    this.hook?.stop()
    this.rooms.stop()
    this.work.clear()
  }
}
