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

/** One connection's verbs, whatever the dialect. Cleans up exactly once. */
export class Session implements ClientConnection, Expiring {
  /** Unguessable, unique; also the public id of a member where the dialect asks for none. */
  readonly id: string
  /** Named by a token or the `authorize` hook. */
  user: string | undefined
  /** Only where tokens are checked or a hook is asked. */
  readonly authorization: Authorization | undefined
  /** When it began, in whole seconds of `performance.now()`: a small integer, which costs least to keep. */
  readonly since = Math.floor(performance.now() / 1000)
  /** Messages that came from the client, those that were refused among them. */
  messages = 0

  readonly context: RelayContext
  readonly transport: Transport
  readonly #memberships: Memberships
  #conversation: Conversation = NOTHING
  readonly sender: SenderLimits
  /** Only where it has spoken, in a dialect in which it may be in several rooms. */
  #order: PublishOrder<Room> | undefined
  /** Made with the first answer that it has to wait for. */
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

  /** The client that shares of the relay are counted for: its user, or its address where no user is named. Empty if unknown. */
  get client(): string {
    return this.user === undefined ? this.transport.network : `user ${this.user}`
  }

  /** What its connection has carried so far, and what waits there. */
  measure(): TransportStats {
    return this.transport.measure()
  }

  /** What speaks for it. */
  get conversation(): Conversation {
    return this.#conversation
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
    const { cluster, counters, observer } = this.context
    counters.connections++
    cluster?.wake()
    try {
      const conversation = begin(this)
      this.#converse(conversation)
      observer.opened(this)
      if (barred) this.deny('origin', closes.originNotAllowed)
      else this.#whenGranted(this.authorization?.connect() ?? UNLIMITED, () => conversation.opened?.())
    } catch (error) {
      this.fail(error)
    }
    this.#memberships.begin()
  }

  /** Hands the connection over to another conversation, which gets the message that decided it. */
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

  /** Joins a room, if that is allowed; `Conversation.joined` is called then. Too many rooms or members close the connection. */
  join(kind: RoomKind, name: string, who: MemberIdentity): void {
    this.#ask('join', name, ({ mayPublish }) => this.#memberships.enter(kind, name, who, mayPublish))
  }

  /**
   * Brings a new token, which takes the place of the one in force if all that was granted is granted again.
   *
   * @param token As the client sent it.
   * @param answer Called with the outcome, unless the connection is closed for it.
   */
  renew(token: unknown, answer: (outcome: Renewed | NotRenewed) => void): void {
    const { authorization } = this
    const { tokens } = this.context.access
    if (!authorization || !tokens) return
    // Bringing tokens without a pause must not put off a deadline that is due.
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

  /** Leaves a room, after getting what was published there before. Does nothing if it is out. */
  leave(member: Member): void {
    this.#memberships.leave(member)
  }

  /**
   * Sends a frame to a room that it is in.
   *
   * @param author Does not get it; left out, all members do.
   */
  publish(room: Room, frame: Buffer, author?: Member): void {
    this.context.counters.messagesRelayed++
    if (room.kind.several) {
      this.#order ??= new PublishOrder<Room>()
      this.#order.turnTo(room)
    }
    room.publish(frame, author)
  }

  /** Sends a frame to a room that it need not be in, if that is allowed. `encode` gets the number of members. */
  publishTo(kind: RoomKind, name: string, encode: (count: number) => Buffer): void {
    this.#ask('publish', name, () => this.#memberships.publishTo(kind, name, encode))
  }

  /** Sends frames to this client, behind all that its rooms have for it. */
  send(frames: Buffer): void {
    if (this.#ended) return
    this.#memberships.catchUp()
    this.context.counters.bytesSent += frames.length
    this.transport.write(frames)
  }

  /** Sends frames to this client at once. For rooms: everything else wants {@link Session.send}. */
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

  /** Charges its user or address, for work that the client could cause again by connecting again. */
  chargeClient(messages: number): void {
    const { work } = this.context
    if (messages === 0 || !work.limited) return
    const { client } = this
    if (client !== '') work.charge(client, messages, performance.now())
  }

  /** Denies it something that it cannot go on without. */
  deny(why: Denial, reason: CloseReason): void {
    this.context.observer.denied(why, this.address, this)
    this.close(reason)
  }

  /** What a token or the hook has granted is over. */
  expire(): void {
    this.deny('token-expired', closes.invalidToken)
  }

  /** A dialect or a hook failed. */
  fail(error: unknown): void {
    this.context.observer.failed(error, this)
    this.close(closes.internalError)
  }

  /** Whether it is over. */
  get ended(): boolean {
    return this.#ended
  }

  /**
   * Ends the session from this side. No other place closes a transport: by then the session has left its rooms, and
   * acts on nothing that still comes.
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

  /** Whether a message has to wait for slow readers of its room: nothing is parsed yet, so that is the last one it spoke in. */
  #mustWait(data: Buffer, binary: boolean): boolean {
    const { members } = this.#memberships
    const { congestion } = this.#order?.room ?? (members.length === 1 ? members[0]?.room : undefined) ?? {}
    const relief = congestion?.relief
    if (congestion === undefined || relief === undefined) return false
    this.reportLimit('readers')
    const kept = congestion.keep(data.length)
    // Not a function from here if it goes on: that would keep the message, too.
    this.wait(relief, kept ? () => this.receive(data, binary) : goOn)
    return kept
  }

  /** Acts on an answer when it is there. Nothing more is read from the client until then. */
  wait<T>(answer: Promise<T>, act: (answer: T) => void): void {
    this.#pendingAnswers ??= new PendingAnswers(this, this.transport)
    this.#pendingAnswers.wait(answer, act)
  }

  #converse(conversation: Conversation): void {
    this.#conversation = conversation
    this.sender.begin(conversation.rateLimited !== undefined)
  }

  /** Whether a message may pass; slows the sender down, refuses or closes if not. */
  #admit(length: number): boolean {
    const verdict = this.sender.judge(length)
    if (verdict === 'flood') this.close(closes.flooding)
    else if (verdict === 'refuse') this.#conversation.rateLimited?.()
    return verdict === 'pass'
  }

  /** Acts once a token and the hook allow it: at once where nobody has to be asked. */
  #ask(verb: 'join' | 'publish', room: string, act: (granted: Granted) => void): void {
    if (!this.#ended) this.#whenGranted(this.authorization?.ask(verb, room) ?? UNLIMITED, act)
  }

  /** Acts on an answer if it grants what was asked for: at once if the answer is there. */
  #whenGranted(answer: Granted | Denied | Promise<Granted | Denied>, act: (granted: Granted) => void): void {
    if (answer instanceof Promise) this.wait(answer, (later) => this.#whenGranted(later, act))
    else if (!this.#ended && this.#accept(answer)) {
      this.authorization?.limit(answer)
      act(answer)
    }
  }

  /** Whether something was granted, and the user it names may have the connection. Closes it if not. */
  #accept<T extends Granted>(answer: T | Denied): answer is T {
    if (!('denial' in answer)) return answer.user === undefined || this.#assignUser(answer.user)
    this.deny(answer.denial, answer.close)
    return false
  }

  /** The connection is that user's from now on, unless that user has too many: then it is closed. */
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
