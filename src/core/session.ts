import type { Denial, Hello } from './authority.js'
import { Authorization, muting } from './authorization.js'
import { mergedBatchFor, send } from './batch.js'
import { type CloseReason, closes } from './close-reasons.js'
import type { RelayContext } from './context.js'
import type { Conversation } from './conversation.js'
import type { Deadline } from './deadlines.js'
import { FloodGuard } from './flood-guard.js'
import { PublishOrder } from './flush-group.js'
import { RateLimiter } from './rate-limiter.js'
import { Member, type Room, type RoomKind } from './room.js'
import type { Transport, TransportStats } from './transport.js'
import { costOfNotices, costOfPlace, TURN, VISIT } from './work-cost.js'

/** Milliseconds over which `byteRate` is counted. */
const SECOND = 1000

const goOn = (): void => {}

const NOTHING: Conversation = { kind: undefined, receive() {} }

/** How the others know a member. */
export interface MemberIdentity {
  readonly id: string
  readonly nickname?: string | undefined
}

/** One connection's verbs, whatever the dialect. Cleans up exactly once. */
export class Session {
  /** Unguessable, unique; also the public id of a member where the dialect asks for none. */
  readonly id: string
  /** Named by a token or the `authorize` hook. */
  user: string | undefined
  /** Only where tokens are checked or a hook is asked. */
  readonly authorization: Authorization | undefined
  /** When it began, in whole seconds of `performance.now()`: a small integer, which costs least to keep. */
  readonly since = Math.floor(performance.now() / SECOND)
  /** Messages that came from the client, those that were refused among them. */
  messages = 0

  readonly #hub: RelayContext
  readonly #port: Transport
  readonly #members: Member[] = []
  #conversation: Conversation = NOTHING
  #gate: FloodGuard | undefined
  #meter: RateLimiter | undefined
  #pings: RateLimiter | undefined
  readonly #bytes: RateLimiter | undefined
  /** Whether it has ever found a room, or waits for one, and until when it has to. */
  #settled = false
  #deadline: Deadline<Session> | undefined
  /** Only where it has spoken, in a dialect in which it may be in several rooms. */
  #order: PublishOrder | undefined
  /** Work that it has caused since it was the turn of others (see `cost.ts`). */
  #work = 0
  /** Answers that are outstanding. */
  #awaited = 0
  #ended = false

  constructor(hub: RelayContext, port: Transport, id: string, hello: Hello) {
    this.#hub = hub
    this.#port = port
    this.id = id
    if (hub.authorizes) this.authorization = new Authorization(this, hub, hello)
    if (hub.limits.byteRate > 0) this.#bytes = new RateLimiter(hub.limits.byteRate, SECOND)
  }

  /** Its places in rooms. */
  get members(): readonly Member[] {
    return this.#members
  }

  /** The address of the client; empty once the connection is gone. */
  get address(): string {
    return this.#port.address
  }

  /** The client that shares of the relay are counted for: its user, or its address where no user is named. Empty if unknown. */
  get client(): string {
    return this.user === undefined ? this.#port.network : `user ${this.user}`
  }

  /** What its connection has carried so far, and what waits there. */
  measure(): TransportStats {
    return this.#port.measure()
  }

  /** The dialect spoken, once that is clear. */
  get kind(): RoomKind | undefined {
    return this.#conversation.kind
  }

  /**
   * Begins: asks whether the client may connect, and lets the conversation open.
   *
   * @param barred Whether it comes from a page that may not talk to the relay.
   */
  open(begin: (session: Session) => Conversation, barred = false): void {
    const { limits, counters, joinDeadlines, observer } = this.#hub
    counters.connections++
    this.#hub.cluster?.wake()
    this.attempt(() => {
      const conversation = begin(this)
      this.#converse(conversation)
      observer.opened(this)
      if (barred) this.deny('origin', closes.originNotAllowed)
      else if (this.authorization) this.authorization.open(() => conversation.opened?.())
      else conversation.opened?.()
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
    this.#hub.cluster?.wake()
    if (this.#ended || this.#mustWait(data, binary)) return
    const { counters } = this.#hub
    this.messages++
    counters.messagesReceived++
    counters.bytesReceived += data.length
    try {
      if (this.#admit(data.length)) this.#conversation.receive(data, binary)
    } catch (error) {
      this.fail(error)
    }
  }

  /**
   * Joins a room, if that is allowed. Too many rooms, or members in it, close the connection.
   *
   * @param entered Called when it is in, before the others hear of it: the place for a welcome.
   * @param refused Called if it chose an id that belongs to another user.
   */
  join(
    kind: RoomKind,
    name: string,
    who: MemberIdentity,
    entered?: (member: Member) => void,
    refused?: () => void,
  ): void {
    this.#ask('join', name, (mayPublish) =>
      this.#enter(kind, name, who, mayPublish ? entered : muting(entered), refused),
    )
  }

  /** Leaves a room, after getting what was published there before. Does nothing if it is out. */
  leave(member: Member): void {
    const { room } = member
    if (member.index < 0) return
    if (!this.#ended && room.batch.frames.length > member.joinedAt) this.#catchUp()
    room.remove(member)
    this.#members.splice(this.#members.indexOf(member), 1)
    const { kind, members } = room
    if (members.length === 0) this.#hub.rooms.close(room, 'empty')
    else if (kind.left && !room.closed && !room.has(member.id)) room.deliver(kind.left(member))
    this.#hub.observer.left(member)
    if (members.length === 0) this.#hub.observer.roomRemoved(room, room.closed ?? 'empty')
  }

  /**
   * Sends a frame to a room that it is in.
   *
   * @param author Does not get it; left out, all members do.
   */
  publish(room: Room, frame: Buffer, author?: Member): void {
    this.#hub.counters.messagesRelayed++
    if (room.kind.several) {
      this.#order ??= new PublishOrder()
      this.#order.turnTo(room)
    }
    room.publish(frame, author)
  }

  /** Sends a frame to a room that it need not be in, if that is allowed. `encode` gets the number of members. */
  publishTo(kind: RoomKind, name: string, encode: (count: number) => Buffer): void {
    this.#ask('publish', name, () => {
      this.#joined()
      this.#visit(kind, name, encode)
    })
  }

  /** Sends frames to this client, behind all that its rooms have for it. */
  send(frames: Buffer): void {
    if (this.#ended) return
    this.#catchUp()
    this.#hub.counters.bytesSent += frames.length
    this.#port.write(frames)
  }

  /** Sends frames to this client at once. For rooms: everything else wants {@link Session.send}. */
  write(frames: Buffer, room: Room | undefined): void {
    this.#port.write(frames, room)
  }

  /** The client pinged, or answered a ping: so many are fine, and more slow it down, whatever the dialect. */
  pinged(): void {
    if (this.#ended) return
    this.#pings ??= new RateLimiter(this.#hub.limits.throttle, SECOND)
    this.slowDown('throttle', this.#pings.charge(1, performance.now()))
  }

  /** Tells the log that a message was refused by its dialect. */
  refuse(why: string): void {
    this.#hub.observer.refused(this, why)
  }

  /** The limits in force. */
  get limits(): RelayContext['limits'] {
    return this.#hub.limits
  }

  /** Reports a limit that the dialect or the connection enforces. */
  limited(limit: Parameters<RelayContext['observer']['limited']>[0]): void {
    this.#hub.observer.limited(limit, this)
  }

  /** Reads nothing more from it for so long, if it has to wait at all. */
  slowDown(limit: 'bytes' | 'throttle', milliseconds: number): void {
    if (milliseconds <= 0) return
    this.limited(limit)
    this.#port.pause(milliseconds)
  }

  /** The relay did not read the client for so many milliseconds until now. */
  delayed(milliseconds: number): void {
    this.#gate?.delayed(milliseconds, performance.now())
  }

  /** Charges it for work that it causes, as if it had sent so many messages. */
  charge(messages: number): void {
    this.#work += messages
    if (this.#work >= TURN) {
      this.#work = 0
      this.#port.pause(1)
    }
    if (this.#meter) this.slowDown('throttle', this.#meter.charge(messages, performance.now()))
  }

  /** Charges its user or address, for work that the client could cause again by connecting again. */
  chargeClient(messages: number): void {
    const { work } = this.#hub
    if (messages === 0 || !work.limited) return
    const { client } = this
    if (client !== '') work.charge(client, messages, performance.now())
  }

  /** Denies it something that it cannot go on without. */
  deny(why: Denial, reason: CloseReason): void {
    this.#hub.observer.denied(why, this.address, this)
    this.close(reason)
  }

  /** Does something on behalf of the client, who pays if it fails. */
  attempt(act: () => unknown): void {
    try {
      act()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Acts on an answer when it is there; until then nothing more is read from the client. */
  wait<T>(answer: PromiseLike<T>, act: (answer: T) => void): void {
    if (this.#awaited++ === 0) this.#port.hold()
    Promise.resolve(answer).then(
      (value) => this.#answered(() => act(value)),
      (error: unknown) => this.#answered(() => this.fail(error)),
    )
  }

  /** A dialect or a hook failed. */
  fail(error: unknown): void {
    this.#hub.observer.failed(error, this)
    this.close(closes.internalError)
  }

  /** Whether it is over. */
  get ended(): boolean {
    return this.#ended
  }

  /** Ends the session from this side. */
  close(reason: CloseReason): void {
    if (this.#ended) return
    this.#catchUp()
    this.end(reason.code, reason.reason)
    this.#port.close(reason)
  }

  /**
   * The connection is over: leaves all rooms. Only the first call counts.
   *
   * @param reason What the close frame says, if there was one.
   */
  end(code: number, reason = ''): void {
    if (this.#ended) return
    this.#ended = true
    this.#hub.joinDeadlines.cancel(this.#deadline)
    this.authorization?.end()
    if (this.#gate) this.#hub.stalls.unwatch()
    for (const member of [...this.#members]) this.leave(member)
    if (this.user !== undefined) this.#hub.users.release(this.user)
    this.#hub.counters.disconnections++
    this.#hub.observer.closed(this, code, reason)
  }

  /** Whether a message has to wait for slow readers of its room: nothing is parsed yet, so that is the last one it spoke in. */
  #mustWait(data: Buffer, binary: boolean): boolean {
    const room = this.#order?.room ?? (this.#members.length === 1 ? this.#members[0]?.room : undefined)
    const { congestion } = room ?? {}
    if (congestion === undefined) return false
    const { relief } = congestion
    if (relief === undefined) return false
    this.limited('readers')
    const kept = congestion.keep(data.length)
    // Not a function from here if it goes on: that would keep the message, too.
    this.wait(relief, kept ? () => this.receive(data, binary) : goOn)
    return kept
  }

  #answered(act: () => void): void {
    this.#awaited--
    if (this.#ended) return
    this.attempt(act)
    // It may wait for another answer by now.
    if (this.#awaited === 0 && !this.#ended) this.#port.release()
  }

  #converse(conversation: Conversation): void {
    this.#conversation = conversation
    const { stalls, limits } = this.#hub
    if (conversation.refused) {
      this.#meter = undefined
      this.#gate = new FloodGuard(limits.rateLimit, limits.rateLimitWindow, stalls)
      stalls.watch()
    } else if (limits.throttle > 0) this.#meter = new RateLimiter(limits.throttle, SECOND)
  }

  /** Whether a message may pass; slows the sender down, refuses or closes if not. */
  #admit(length: number): boolean {
    const now = performance.now()
    if (this.#bytes) this.slowDown('bytes', this.#bytes.charge(length, now))
    if (this.#meter) this.slowDown('throttle', this.#meter.charge(1, now))
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

  #enter(
    kind: RoomKind,
    name: string,
    who: MemberIdentity,
    entered?: (member: Member) => void,
    refused?: () => void,
  ): void {
    const { rooms, limits, work } = this.#hub
    const delay = kind.joined && work.limited ? work.wait(this.client, performance.now()) : 0
    if (delay > 0) {
      this.limited('throttle')
      // It has asked in time, and the wait is the relay's.
      this.#joined()
      this.wait(rest(delay), () => this.#enter(kind, name, who, entered, refused))
      return
    }
    const room = this.#open(kind, name)
    if (!room) return
    const { ready } = room
    if (ready !== undefined) {
      // Others may be in already, on nodes that have not answered yet.
      this.wait(ready, () => this.#enter(kind, name, who, entered, refused))
      return
    }
    if (limits.maxRoomMembers > 0 && room.count >= limits.maxRoomMembers) {
      this.limited('room-members')
      this.close(closes.roomFull)
      return
    }
    const owner = this.authorization && kind.chosenIds ? room.ownerOf(this.user) : undefined
    if (owner !== undefined && !this.#mayUseId(who.id, owner, room)) {
      if (room.members.length === 0) rooms.close(room, 'empty')
      refused?.()
      return
    }
    if (rooms.find(kind, name) !== room) {
      // The room was closed with its last member, who gave up the id.
      this.#enter(kind, name, who, entered, refused)
      return
    }
    this.#place(new Member(this, room, who.id, who.nickname, owner), entered)
  }

  /** Takes its place in a room, and tells the others. */
  #place(member: Member, entered?: (member: Member) => void): void {
    const { room } = member
    const { kind } = room
    const { observer } = this.#hub
    const known = room.has(member.id)
    room.add(member)
    this.#members.push(member)
    this.#joined()
    const notices = costOfNotices(room)
    this.charge(costOfPlace(room) + notices)
    this.chargeClient(notices)
    entered?.(member)
    if (kind.joined && !known) room.deliver(kind.joined(member), member)
    if (room.members.length === 1) observer.roomCreated(room, this)
    observer.joined(member)
  }

  /**
   * Whether the client may take an id. The name of a user belongs to that user: members of others who have it are
   * closed when the user comes, and nobody else can take it while the user is connected. Any other id belongs to the
   * user who has it.
   */
  #mayUseId(id: string, owner: string, room: Room): boolean {
    if (id !== this.id && this.authorization?.mayUseId(id) === false) return false
    const contested = room.owners.isHeldByAnother(id, owner)
    if (id !== this.user) return !contested && !this.#hub.users.has(id)
    if (!contested) return true
    for (const member of [...room.members]) {
      if (member.id === id && member.owner !== owner) member.session.close(closes.idTaken)
    }
    return true
  }

  /** The room of that name, opened if need be; if that cannot be, the connection is closed. */
  #open(kind: RoomKind, name: string): Room | undefined {
    const room = this.#hub.rooms.open(kind, name, this)
    if (typeof room === 'object') return room
    if (room === 'all') this.limited('rooms')
    else this.limited(this.user === undefined ? 'address-rooms' : 'user-rooms')
    this.close(room === 'all' ? closes.tooManyRooms : closes.tooManyOwnRooms)
    return undefined
  }

  /** Publishes to a room that it is not in. If this node does not host it, others may. */
  #visit(kind: RoomKind, name: string, encode: (count: number) => Buffer): void {
    const { rooms } = this.#hub
    const room = rooms.clustered ? this.#open(kind, name) : rooms.find(kind, name)
    if (!room) return
    const { ready } = room
    if (ready !== undefined) {
      this.wait(ready, () => this.#visit(kind, name, encode))
      return
    }
    this.publish(room, encode(room.count))
    if (room.members.length > 0) return
    rooms.close(room, 'empty')
    this.charge(VISIT)
  }

  /** Sends the client what its rooms have for it, ahead of the other members, so that something else may follow. */
  #catchUp(): void {
    const behind = this.#members.filter(({ room, joinedAt }) => room.batch.frames.length > joinedAt)
    if (behind.length === 0) return
    const share = mergedBatchFor(behind, ({ batch }) => batch)
    for (const member of behind) member.room.skip(member)
    send(this, share, this.#hub.counters, behind[0]?.room)
  }

  /** It has found a room in time, or asked for one. */
  #joined(): void {
    if (this.#settled) return
    this.#settled = true
    this.#hub.joinDeadlines.cancel(this.#deadline)
    this.#deadline = undefined
  }

  /** Goes on with `granted` when that is allowed: at once where nobody has to be asked. */
  #ask(verb: 'join' | 'publish', room: string, granted: (mayPublish: boolean) => void): void {
    if (this.#ended) return
    if (this.authorization) this.authorization.ask(verb, room, granted)
    else granted(true)
  }

  /** The connection is that user's from now on, unless that user has too many: then it is closed. */
  assignUser(user: string): boolean {
    if (user === this.user) return true
    if (this.#ended) return false
    if (!this.#hub.users.take(user)) {
      this.limited('user-connections')
      this.close(closes.tooManyConnections)
      return false
    }
    if (this.user !== undefined) this.#hub.users.release(this.user)
    this.user = user
    return true
  }
}

/** Resolves after some time, without keeping the process alive. */
async function rest(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.ceil(milliseconds)).unref())
}
