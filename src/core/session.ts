import type { Denial, Hello } from './authority.js'
import { Authorization, type Denied, type Granted, type NotRenewed, type Renewed, UNLIMITED } from './authorization.js'
import type { ClientConnection } from './client-connection.js'
import { type CloseReason, closes } from './close-reasons.js'
import type { Congestible } from './congestion.js'
import type { Expiring, RelayContext } from './context.js'
import type { Conversation } from './conversation.js'
import { PublishOrder } from './flush-group.js'
import type { RoomKind } from './kind.js'
import { type MemberIdentity, Memberships } from './memberships.js'
import type { LimitName } from './observer.js'
import { PendingAnswers } from './pending-answers.js'
import type { Member, Room } from './room.js'
import { SenderLimits } from './sender-limits.js'
import type { Transport, TransportStats } from './transport.js'

const goOn = (): void => {}
const NOTHING: Conversation = { kind: undefined, receive() {} }

/** What one connection may do, in any dialect: join, publish, leave, close. It ends exactly once. */
export class Session implements ClientConnection, Expiring {
  /** Random and unique. It is also the member's public id, in dialects where members choose none. */
  readonly id: string
  /** Named by a token or the `authorize` hook. */
  user: string | undefined
  /** Set if the relay checks tokens or has a hook. */
  readonly authorization: Authorization | undefined
  /** When it began, in whole seconds of `performance.now()`: a small integer takes least memory. */
  readonly since = Math.floor(performance.now() / 1000)
  /** Messages that came from the client, with those that were refused. */
  messages = 0

  readonly context: RelayContext
  readonly transport: Transport
  readonly #memberships: Memberships
  #conversation: Conversation = NOTHING
  readonly sender: SenderLimits
  /** Set by its first message, in a dialect where a connection may be in several rooms. */
  #order: PublishOrder<Room> | undefined
  /** Set by the first answer that it has to wait for. */
  #pendingAnswers: PendingAnswers | undefined
  #ended = false

  constructor(context: RelayContext, transport: Transport, id: string, hello: Hello) {
    this.context = context
    this.transport = transport
    this.id = id
    if (context.authorizes) this.authorization = new Authorization(this, context, hello)
    this.sender = new SenderLimits(this)
    this.#memberships = new Memberships(this)
  }

  /** Its places in rooms. */
  get members(): readonly Member[] {
    return this.#memberships.members
  }

  /** The address of the client; empty once the connection is gone. */
  get address(): string {
    return this.transport.address
  }

  /** Names the client for limits over all its connections: by its user, or by its address if it has none. Empty if unknown. */
  get client(): string {
    return this.user === undefined ? this.transport.network : `user ${this.user}`
  }

  /** What its connection has carried so far, and what waits to be sent. */
  measure(): TransportStats {
    return this.transport.measure()
  }

  /** Reads the client's messages, in its dialect. */
  get conversation(): Conversation {
    return this.#conversation
  }

  /** Its dialect; undefined at `/` until the first message decides. */
  get kind(): RoomKind | undefined {
    return this.#conversation.kind
  }

  /**
   * Begins: asks whether the client may connect, and lets the conversation open.
   *
   * @param originRejected Whether it comes from a page of an origin that is not allowed.
   */
  open(begin: (session: Session) => Conversation, originRejected = false): void {
    const { cluster, counters, observer } = this.context
    counters.connections++
    cluster?.wake()
    try {
      const conversation = begin(this)
      this.#converse(conversation)
      observer.opened(this)
      if (originRejected) this.deny('origin', closes.originNotAllowed)
      else this.#whenGranted(this.authorization?.connect() ?? UNLIMITED, () => conversation.opened?.())
    } catch (error) {
      this.fail(error)
    }
    this.#memberships.begin()
  }

  /** Gives the connection to another conversation, with the first message, which has decided the dialect. */
  adopt(conversation: Conversation, first: Buffer, binary: boolean): void {
    this.#converse(conversation)
    conversation.opened?.()
    conversation.receive(first, binary)
  }

  /** A message came from the client, whole and unmasked. */
  receive(data: Buffer, binary: boolean): void {
    this.context.cluster?.wake()
    if (this.#ended || this.#mustWait(data, binary)) return
    const { counters } = this.context
    this.messages++
    counters.messagesReceived++
    counters.bytesReceived += data.length
    try {
      if (this.#admit(data.length)) this.#conversation.receive(data, binary)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Joins a room if that is allowed, and calls `Conversation.joined`. Closes the connection if there are too many rooms or members. */
  join(kind: RoomKind, name: string, who: MemberIdentity): void {
    this.#ask('join', name, ({ mayPublish }) => this.#memberships.enter(kind, name, who, mayPublish))
  }

  /**
   * Checks a new token. It replaces the one in force, if it grants all that was granted so far.
   *
   * @param token As the client sent it.
   * @param answer Called with the outcome, unless the connection is closed because of it.
   */
  renew(token: unknown, answer: (outcome: Renewed | NotRenewed) => void): void {
    const { authorization } = this
    const { tokens } = this.context.access
    if (!authorization || !tokens) return
    // A client that sends tokens without a pause must not delay a deadline that is due.
    if (authorization.expired) {
      this.expire()
      return
    }
    this.sender.renewed()
    this.wait(authorization.renew(tokens, token, this.#memberships.members), (outcome) => {
      if ('refused' in outcome) this.context.observer.denied(outcome.refused, this.address, this)
      else if (this.#accept(outcome)) authorization.replace(outcome)
      else return
      answer(outcome)
    })
  }

  /** Leaves a room. The client first gets what was published there before. Does nothing if it has left already. */
  leave(member: Member): void {
    this.#memberships.leave(member)
  }

  /**
   * Sends a frame to a room that the session is in.
   *
   * @param author Does not get the frame. If left out, all members get it.
   */
  publish(room: Room, frame: Buffer, author?: Member): void {
    this.context.counters.messagesRelayed++
    if (room.kind.several) {
      this.#order ??= new PublishOrder<Room>()
      this.#order.turnTo(room)
    }
    room.publish(frame, author)
  }

  /** Sends a frame to any room, joined or not, if that is allowed. `encode` gets the number of members. */
  publishTo(kind: RoomKind, name: string, encode: (count: number) => Buffer): void {
    this.#ask('publish', name, () => this.#memberships.publishTo(kind, name, encode))
  }

  /** Sends frames to this client, after all that its rooms have for it. */
  send(frames: Buffer): void {
    if (this.#ended) return
    this.#memberships.catchUp()
    this.context.counters.bytesSent += frames.length
    this.transport.write(frames)
  }

  /** Sends frames to this client at once. Only rooms call this; other code calls {@link Session.send}. */
  write(frames: Buffer, room: Congestible | undefined): void {
    this.transport.write(frames, room)
  }

  /** The client pinged, or answered a ping. */
  pinged(): void {
    if (!this.#ended) this.sender.pinged()
  }

  /** Reports a message that its dialect or the connection refused. */
  reportRefusal(why: string): void {
    this.context.observer.refused(this, why)
  }

  /** The limits in force. */
  get limits(): RelayContext['limits'] {
    return this.context.limits
  }

  /** Reports a limit that the dialect or the connection enforces. */
  reportLimit(limit: LimitName): void {
    this.context.observer.limited(limit, this)
  }

  /** The relay did not read the client for so many milliseconds until now. */
  delayed(milliseconds: number): void {
    this.sender.delayed(milliseconds)
  }

  /** Charges its user or address, over all connections, for work that the client could cause again by a new connection. */
  chargeClient(messages: number): void {
    const { work } = this.context
    if (messages === 0 || !work.limited) return
    const { client } = this
    if (client !== '') work.charge(client, messages, performance.now())
  }

  /** Denies what the connection needs, and closes it. */
  deny(why: Denial, reason: CloseReason): void {
    this.context.observer.denied(why, this.address, this)
    this.close(reason)
  }

  /** What a token or the hook granted has expired. */
  expire(): void {
    this.deny('token-expired', closes.invalidToken)
  }

  /** A dialect or a hook failed. */
  fail(error: unknown): void {
    this.context.observer.failed(error, this)
    this.close(closes.internalError)
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#ended
  }

  /**
   * Ends the session from the relay's side. Only this method closes the transport. Before that the session leaves its
   * rooms, so it acts on nothing that still comes.
   */
  close(reason: CloseReason): void {
    if (this.#ended) return
    this.#memberships.catchUp()
    this.end(reason.code, reason.reason)
    this.transport.close(reason)
  }

  /**
   * The connection is over: leaves all rooms. Only the first call counts.
   *
   * @param reason What the close frame says, if there was one.
   */
  end(code: number, reason = ''): void {
    if (this.#ended) return
    this.#ended = true
    this.authorization?.end()
    this.sender.end()
    this.#memberships.end()
    if (this.user !== undefined) this.context.users.release(this.user)
    this.context.counters.disconnections++
    this.context.observer.closed(this, code, reason)
  }

  /** Whether a message waits for slow readers of a room: the last one it published to, or its only one. Nothing is parsed yet. */
  #mustWait(data: Buffer, binary: boolean): boolean {
    const { members } = this.#memberships
    const { congestion } = this.#order?.room ?? (members.length === 1 ? members[0]?.room : undefined) ?? {}
    const relief = congestion?.relief
    if (congestion === undefined || relief === undefined) return false
    this.reportLimit('readers')
    const kept = congestion.keep(data.length)
    // `goOn` and no function made here, which would keep the message in memory.
    this.wait(relief, kept ? () => this.receive(data, binary) : goOn)
    return kept
  }

  /** Acts on an answer when it comes. The relay reads nothing more from the client until then. */
  wait<T>(answer: Promise<T>, act: (answer: T) => void): void {
    this.#pendingAnswers ??= new PendingAnswers(this, this.transport)
    this.#pendingAnswers.wait(answer, act)
  }

  #converse(conversation: Conversation): void {
    this.#conversation = conversation
    this.sender.begin(conversation.rateLimited !== undefined)
  }

  /** Whether the limits let a message pass. If not, refuses it or closes the connection. May slow the sender down. */
  #admit(length: number): boolean {
    const verdict = this.sender.judge(length)
    if (verdict === 'flood') this.close(closes.flooding)
    else if (verdict === 'refuse') this.#conversation.rateLimited?.()
    return verdict === 'pass'
  }

  /** Acts once the token and the hook allow it: at once if the relay has neither. */
  #ask(verb: 'join' | 'publish', room: string, act: (granted: Granted) => void): void {
    if (!this.#ended) this.#whenGranted(this.authorization?.ask(verb, room) ?? UNLIMITED, act)
  }

  /** Acts if the answer grants what was asked for: at once if the answer is no promise. */
  #whenGranted(answer: Granted | Denied | Promise<Granted | Denied>, act: (granted: Granted) => void): void {
    if (answer instanceof Promise) this.wait(answer, (later) => this.#whenGranted(later, act))
    else if (!this.#ended && this.#accept(answer)) {
      this.authorization?.limit(answer)
      act(answer)
    }
  }

  /** Whether it was granted, and the user that it names may have one more connection. If not, closes the connection. */
  #accept<T extends Granted>(answer: T | Denied): answer is T {
    if (!('denial' in answer)) return answer.user === undefined || this.#assignUser(answer.user)
    this.deny(answer.denial, answer.close)
    return false
  }

  /** Makes the connection that user's. If the user has too many, closes it and returns false. */
  #assignUser(user: string): boolean {
    if (user === this.user) return true
    if (this.#ended) return false
    if (!this.context.users.take(user)) {
      this.reportLimit('user-connections')
      this.close(closes.tooManyConnections)
      return false
    }
    if (this.user !== undefined) this.context.users.release(this.user)
    this.user = user
    return true
  }
}
