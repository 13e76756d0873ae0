import type { Alarm } from './alarms.js'
import { type CloseReason, closes } from './errors.js'
import type { AuthorizeRequest, Hub, Verdict } from './hub.js'
import { Gate, Meter } from './limits.js'
import { Member, type Room, type RoomKind } from './room.js'

/** What the core needs of a connection. */
export interface Port {
  /** The address of the client, for the log; empty once the connection is gone. */
  readonly address: string
  /** Sends one or several whole frames. */
  write(frames: Buffer): void
  /** Says goodbye and hangs up. The session has ended when this is called. */
  close(reason: CloseReason): void
  /** Reads nothing more until {@link Port.release}. What was read already may still arrive. */
  hold(): void
  release(): void
  /** Reads nothing more for so many milliseconds, not even what has come with the message that is being read. */
  pause(milliseconds: number): void
}

/** What the upgrade request said. */
export type Hello = Pick<AuthorizeRequest, 'path' | 'query' | 'headers'>

/** One connection's side of a dialect. */
export interface Conversation {
  /** The dialect that it speaks; undefined as long as that is open. */
  readonly kind: RoomKind | undefined
  /** Called once the connection may speak. */
  opened?(): void
  /** A message came, whole. */
  receive(data: Buffer, binary: boolean): void
  /** Answers a message over the rate limit. A dialect without it slows the sender down instead. */
  refused?(): void
}

/** How the others know a member. */
export interface Who {
  readonly id: string
  readonly nickname?: string | undefined
}

/** Milliseconds over which `byteRate` is counted. */
const SECOND = 1000

const NOTHING: Conversation = { kind: undefined, receive() {} }

/** One connection's verbs, whatever the dialect. Cleans up exactly once. */
export class Session {
  /** Unguessable, unique; also the public id of a member where the dialect asks for none. */
  readonly id: string
  /** Named by the `authorize` hook. */
  user: string | undefined

  readonly #hub: Hub
  readonly #port: Port
  readonly #members: Member[] = []
  #conversation: Conversation = NOTHING
  #gate: Gate | undefined
  #meter: Meter | undefined
  #pings: Meter | undefined
  readonly #bytes: Meter | undefined
  /** Whether it has ever found a room, and until when it has to. */
  #settled = false
  #deadline: Alarm<Session> | undefined
  /** Where it published last: frames to another room must not overtake what waits there. */
  #latest: Room | undefined
  /** Kept only for the `authorize` hook. */
  readonly #hello: Hello | undefined
  /** How many answers of the hook are outstanding, and what came meanwhile. */
  #asking = 0
  #held: { data: Buffer; binary: boolean }[] | undefined
  #ended = false

  constructor(hub: Hub, port: Port, id: string, hello: Hello) {
    this.#hub = hub
    this.#port = port
    this.id = id
    if (hub.authorize) this.#hello = hello
    if (hub.limits.byteRate > 0) this.#bytes = new Meter(hub.limits.byteRate, SECOND)
  }

  /** The address of the client; empty once the connection is gone. */
  get address(): string {
    return this.#port.address
  }

  /** The dialect spoken, once that is clear. */
  get kind(): RoomKind | undefined {
    return this.#conversation.kind
  }

  /** Begins: asks whether the client may connect, and lets the conversation open. */
  open(begin: (session: Session) => Conversation): void {
    const { limits, counters, joinDeadlines, observer } = this.#hub
    counters.connections++
    this.#guard(() => {
      const conversation = begin(this)
      this.#converse(conversation)
      observer.opened(this)
      this.#ask('connect', undefined, closes.notAllowed, () => conversation.opened?.())
    })
    // Most dialects have joined by now.
    if (limits.joinTimeout > 0 && !this.#settled && !this.#ended) {
      this.#deadline = joinDeadlines.set(this, limits.joinTimeout)
    }
  }

  /** Hands the connection over to another conversation, which gets the message that decided it. */
  adopt(conversation: Conversation, first: Buffer, binary: boolean): void {
    this.#converse(conversation)
    conversation.opened?.()
    conversation.receive(first, binary)
  }

  /** A message came from the client, whole and unmasked. */
  receive(data: Buffer, binary: boolean): void {
    if (this.#ended) return
    if (this.#asking > 0) {
      this.#held ??= []
      this.#held.push({ data, binary })
      return
    }
    const { counters } = this.#hub
    counters.messagesReceived++
    counters.bytesReceived += data.length
    try {
      if (this.#admit(data.length)) this.#conversation.receive(data, binary)
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * Joins a room, after the hook agreed. Too many rooms, or members in it, close the connection.
   *
   * @param entered Called when it is in, before the others hear of it: the place for a welcome.
   */
  join(kind: RoomKind, name: string, who: Who, entered?: (member: Member) => void): void {
    this.#ask('join', name, closes.notAllowedInRoom, () => this.#enter(kind, name, who, entered))
  }

  /** Leaves a room, after getting what was published there before. Does nothing if it is out. */
  leave(member: Member): void {
    const { room } = member
    if (member.index < 0) return
    if (!this.#ended) room.catchUp(member)
    if (this.#latest === room) {
      // What it says elsewhere from now on must not overtake what waits here.
      room.flush()
      this.#latest = undefined
    }
    room.remove(member)
    this.#members.splice(this.#members.indexOf(member), 1)
    if (room.count === 0) this.#hub.rooms.close(room)
    else if (room.kind.left && !room.expired && !room.has(member.id)) room.publish(room.kind.left(member))
    this.#hub.observer.left(member)
    if (room.count === 0) this.#hub.observer.roomRemoved(room)
  }

  /**
   * Sends a frame to a room that it is in.
   *
   * @param author Does not get it; left out, all members do.
   */
  publish(room: Room, frame: Buffer, author?: Member): void {
    this.#hub.counters.messagesRelayed++
    if (this.#latest !== room) {
      this.#latest?.flush()
      this.#latest = room
    }
    room.publish(frame, author)
  }

  /** Sends a frame to a room that it need not be in, after the hook agreed. `encode` gets the number of members. */
  publishTo(kind: RoomKind, name: string, encode: (count: number) => Buffer): void {
    this.#ask('publish', name, closes.notAllowedInRoom, () => {
      const room = this.#hub.rooms.find(kind, name)
      this.#joined()
      if (room) this.publish(room, encode(room.count))
    })
  }

  /** Sends frames to this client, behind all that its rooms have for it. */
  send(frames: Buffer): void {
    if (this.#ended) return
    for (const member of this.#members) member.room.catchUp(member)
    this.#hub.counters.bytesSent += frames.length
    this.#port.write(frames)
  }

  /** Sends a batch to this client at once. For rooms: everything else wants {@link Session.send}. */
  write(batch: Buffer): void {
    this.#port.write(batch)
  }

  /** The client pinged: so many are fine, and more slow it down, whatever the dialect. */
  pinged(): void {
    if (this.#ended) return
    this.#pings ??= new Meter(this.#hub.limits.throttle, SECOND)
    this.#slowDown('throttle', this.#pings.charge(1, performance.now()))
  }

  /** Tells the log that a message was refused by its dialect. */
  refuse(why: string): void {
    this.#hub.observer.refused(this, why)
  }

  /** The limits in force. */
  get limits(): Hub['limits'] {
    return this.#hub.limits
  }

  /** Reports a limit that the dialect or the connection enforces. */
  limited(limit: Parameters<Hub['observer']['limited']>[0]): void {
    this.#hub.observer.limited(limit, this)
  }

  /** Ends the session from this side. */
  close(reason: CloseReason): void {
    if (this.#ended) return
    for (const member of this.#members) member.room.catchUp(member)
    this.end(reason.code)
    this.#port.close(reason)
  }

  /** The connection is over: leaves all rooms. Only the first call counts. */
  end(code: number): void {
    if (this.#ended) return
    this.#ended = true
    this.#hub.joinDeadlines.cancel(this.#deadline)
    this.#held = undefined
    for (const member of [...this.#members]) this.leave(member)
    if (this.user !== undefined) this.#hub.users.release(this.user)
    this.#hub.counters.disconnections++
    this.#hub.observer.closed(this, code)
  }

  #converse(conversation: Conversation): void {
    this.#conversation = conversation
    const { rateLimit, rateLimitWindow, throttle } = this.#hub.limits
    this.#gate = conversation.refused ? new Gate(rateLimit, rateLimitWindow) : undefined
    this.#meter = conversation.refused ? undefined : new Meter(throttle, SECOND)
  }

  /** Whether a message may pass; slows the sender down, refuses or closes if not. */
  #admit(length: number): boolean {
    const now = performance.now()
    if (this.#bytes) this.#slowDown('bytes', this.#bytes.charge(length, now))
    if (this.#meter) this.#slowDown('throttle', this.#meter.charge(1, now))
    const verdict = this.#gate?.judge(now) ?? 'pass'
    if (verdict === 'pass') return true
    this.#hub.counters.rateLimitsHit++
    if (verdict === 'flood') {
      this.limited('flood')
      this.close(closes.flooding)
    } else {
      this.limited('rate')
      this.#conversation.refused?.()
    }
    return false
  }

  #slowDown(limit: 'bytes' | 'throttle', milliseconds: number): void {
    if (milliseconds <= 0) return
    this.limited(limit)
    this.#port.pause(milliseconds)
  }

  #enter(kind: RoomKind, name: string, who: Who, entered?: (member: Member) => void): void {
    const { rooms, limits, observer } = this.#hub
    const room = rooms.open(kind, name)
    if (!room) {
      this.limited('rooms')
      this.close(closes.tooManyRooms)
      return
    }
    if (limits.maxRoomMembers > 0 && room.count >= limits.maxRoomMembers) {
      this.limited('room-members')
      this.close(closes.roomFull)
      return
    }
    const known = kind.joined !== undefined && room.has(who.id)
    const member = new Member(this, room, who.id, who.nickname)
    room.add(member)
    this.#members.push(member)
    this.#joined()
    entered?.(member)
    if (kind.joined && !known) room.publish(kind.joined(member), member)
    if (room.count === 1) observer.roomCreated(room, this)
    observer.joined(member)
  }

  /** It has found a room in time. */
  #joined(): void {
    if (this.#settled) return
    this.#settled = true
    this.#hub.joinDeadlines.cancel(this.#deadline)
    this.#deadline = undefined
  }

  /** Goes on with `granted` when the hook agrees: at once if it answers at once or there is none. */
  #ask(verb: AuthorizeRequest['verb'], room: string | undefined, denial: CloseReason, granted: () => void): void {
    if (this.#ended) return
    const { authorize } = this.#hub
    if (!authorize || !this.#hello) {
      granted()
      return
    }
    const { path, query, headers } = this.#hello
    const settle = (verdict: Verdict): void => {
      if (this.#ended) return
      if (!allows(verdict)) this.close(denial)
      else if (typeof verdict !== 'object' || verdict.user === undefined || this.#belong(verdict.user)) granted()
    }
    const request = { verb, dialect: this.kind?.name, room, user: this.user, connectionId: this.id }
    const verdict = authorize({ ...request, path, query, headers, address: this.address })
    if (!isPromise(verdict)) {
      settle(verdict)
      return
    }
    if (this.#asking++ === 0) this.#port.hold()
    Promise.resolve(verdict).then(
      (answer) => this.#answered(() => settle(answer)),
      (error: unknown) => this.#answered(() => this.#fail(error)),
    )
  }

  /** An answer of the hook came: acts on it, then goes on with what arrived meanwhile. */
  #answered(act: () => void): void {
    this.#asking--
    this.#guard(act)
    if (this.#asking > 0 || this.#ended) return
    const held = this.#held ?? []
    this.#held = undefined
    for (const { data, binary } of held) this.receive(data, binary)
    if (this.#asking === 0) this.#port.release()
  }

  /** The connection is that user's from now on, unless that user has too many. */
  #belong(user: string): boolean {
    if (user === this.user) return true
    if (!this.#hub.users.take(user)) {
      this.limited('user-connections')
      this.close(closes.tooManyConnections)
      return false
    }
    if (this.user !== undefined) this.#hub.users.release(this.user)
    this.user = user
    return true
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#hub.observer.failed(error, this)
    this.close(closes.internalError)
  }
}

/** Anything but `true` and an object that names a user or nobody refuses, such as what a hook forgot to return. */
function allows(verdict: unknown): boolean {
  if (typeof verdict !== 'object' || verdict === null) return verdict === true
  if (verdict instanceof Error || Array.isArray(verdict)) return false
  return !('user' in verdict) || verdict.user === undefined || typeof verdict.user === 'string'
}

function isPromise(verdict: Verdict | Promise<Verdict>): verdict is Promise<Verdict> {
  return typeof verdict === 'object' && verdict !== null && 'then' in verdict
}
