import type { Access } from './authority.js'
import { AuthorizeHook } from './authorize-hook.js'
import { wallClock } from './clocks.js'
import type { Cluster } from './cluster.js'
import { CountLimiter } from './count-limiter.js'
import { Counters } from './counters.js'
import { Deadlines } from './deadlines.js'
import { EventLoopStalls } from './event-loop-stalls.js'
import type { HistoryLimits } from './history.js'
import { KeyedRateLimiter } from './keyed-rate-limiter.js'
import type { Observer } from './observer.js'
import { Rooms } from './rooms.js'

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

/** What a deadline ends. */
export interface Expiring {
  /** What a token or the hook has granted is over. */
  expire(): void
}

/** What has to find a room in time. */
export interface Joining {
  /** It has not. */
  onJoinTimeout(): void
}

/** What all sessions of a relay share. */
export class RelayContext {
  readonly limits: Limits
  readonly observer: Observer
  readonly access: Access
  /** Asked after the tokens. */
  readonly hook: AuthorizeHook | undefined
  readonly cluster: Cluster | undefined
  readonly counters: Counters
  readonly rooms: Rooms
  /** Watches while there are senders whose messages could be refused for it. */
  readonly stalls = new EventLoopStalls()
  /** Connections by the users whom tokens or the hook named. */
  readonly users: CountLimiter
  /** Work for others by users and addresses, counted as their messages are, but over all their connections. */
  readonly work: KeyedRateLimiter
  readonly joinDeadlines = new Deadlines<Joining>((session) => session.onJoinTimeout())
  /** Ends of what tokens and the hook have granted. */
  readonly expiries = new Deadlines<Expiring>((session) => session.expire(), wallClock)

  constructor(limits: Limits, observer: Observer, access: Access = {}, cluster?: Cluster, counters = new Counters()) {
    this.limits = limits
    this.observer = observer
    this.access = access
    this.hook = access.authorize && new AuthorizeHook(access.authorize, limits.joinTimeout)
    this.cluster = cluster
    this.counters = counters
    this.rooms = new Rooms(limits, this.counters, cluster)
    // Without a limit users are counted all the same: nobody else may take the id of a user who is connected.
    this.users = new CountLimiter(limits.maxConnectionsPerUser || Number.POSITIVE_INFINITY)
    this.work = new KeyedRateLimiter(limits.throttle, SECOND)
  }

  /** Whether tokens are checked or a hook is asked. */
  get authorizes(): boolean {
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
