import type { Authorization } from './authorization.js'
import { mergedBatchFor, sendTo } from './batch.js'
import type { ClientConnection } from './client-connection.js'
import { closes } from './close-reasons.js'
import type { Joining, RelayContext } from './context.js'
import type { Conversation } from './conversation.js'
import type { Deadline } from './deadlines.js'
import type { RoomKind } from './kind.js'
import type { LimitName } from './observer.js'
import { Member, type Room } from './room.js'
import type { SenderLimits } from './sender-limits.js'
import { costOfNotices, costOfPlace, PUBLISH_TO } from './work-cost.js'

/** How the others know a member. */
export interface MemberIdentity {
  readonly id: string
  readonly nickname?: string | undefined
}

/** The session whose rooms these are. */
interface Owner extends ClientConnection {
  readonly context: RelayContext
  readonly sender: SenderLimits
  readonly client: string
  readonly ended: boolean
  readonly authorization: Authorization | undefined
  readonly conversation: Conversation
  reportLimit(limit: LimitName): void
  chargeClient(messages: number): void
  wait<T>(answer: Promise<T>, act: (answer: T) => void): void
  publish(room: Room, frame: Buffer): void
}

/** The rooms that a session is in: how it finds them, waits for them, and leaves them. */
export class Memberships implements Joining {
  readonly members: Member[] = []
  readonly #owner: Owner
  /** Whether it has ever found a room, or waits for one, and until when it has to. */
  #settled = false
  #deadline: Deadline<Joining> | undefined

  constructor(owner: Owner) {
    this.#owner = owner
  }

  /** From now on it has `joinTimeout` to find a room. Most sessions have found one by then. */
  begin(): void {
    const { limits, joinDeadlines } = this.#owner.context
    if (limits.joinTimeout > 0 && !this.#settled && !this.#owner.ended) {
      this.#deadline = joinDeadlines.set(this, limits.joinTimeout)
    }
  }

  onJoinTimeout(): void {
    this.#owner.reportLimit('join-timeout')
    this.#owner.close(closes.joinTimeout)
  }

  /** The session is over: leaves all rooms. */
  end(): void {
    this.#owner.context.joinDeadlines.cancel(this.#deadline)
    for (const member of [...this.members]) this.leave(member)
  }

  /** Finds a room, waits as long as there is a reason to, and takes a place in it. */
  enter(kind: RoomKind, name: string, who: MemberIdentity, mayPublish: boolean): void {
    const { rooms, limits, work } = this.#owner.context
    const owner = this.#owner
    const delay = kind.joined && work.limited ? work.wait(owner.client, performance.now()) : 0
    if (delay > 0) {
      owner.reportLimit('throttle')
      // It has asked in time, and the wait is the relay's.
      this.#settle()
      owner.wait(rest(delay), () => this.enter(kind, name, who, mayPublish))
      return
    }
    const room = this.#open(kind, name)
    if (!room) return
    const { ready } = room
    if (ready !== undefined) {
      // Others may be in already, on nodes that have not answered yet.
      owner.wait(ready, () => this.enter(kind, name, who, mayPublish))
      return
    }
    if (limits.maxRoomMembers > 0 && room.count >= limits.maxRoomMembers) {
      owner.reportLimit('room-members')
      owner.close(closes.roomFull)
      return
    }
    const idOwner = owner.authorization && kind.chosenIds ? room.ownerOf(owner.user) : undefined
    if (idOwner !== undefined && !this.#mayUseId(who.id, idOwner, room)) {
      if (room.members.length === 0) rooms.close(room, 'empty')
      owner.conversation.idRefused?.()
      return
    }
    if (rooms.find(kind, name) !== room) {
      // The room was closed with its last member, who gave up the id.
      this.enter(kind, name, who, mayPublish)
      return
    }
    const member = new Member(owner, room, who.id, who.nickname, idOwner)
    member.mayPublish = mayPublish
    this.#place(member)
  }

  /** Leaves a room, after getting what was published there before. Does nothing if it is out. */
  leave(member: Member): void {
    const { room } = member
    if (member.index < 0) return
    if (!this.#owner.ended && room.batch.frames.length > member.firstFrame) this.catchUp()
    room.remove(member)
    this.members.splice(this.members.indexOf(member), 1)
    const { rooms, observer } = this.#owner.context
    const { kind, members } = room
    if (members.length === 0) rooms.close(room, 'empty')
    else if (kind.left && !room.closed && !room.has(member.id)) room.deliver(kind.left(member))
    observer.left(member)
    if (members.length === 0) observer.roomRemoved(room, room.closed ?? 'empty')
  }

  /**
   * Publishes to a room that it need not be in. If this node does not host it, others may. If it cannot be opened here,
   * the message is dropped: the client asked for no place.
   */
  publishTo(kind: RoomKind, name: string, encode: (count: number) => Buffer): void {
    this.#settle()
    const { rooms } = this.#owner.context
    const room = rooms.clustered ? rooms.open(kind, name, this.#owner) : rooms.find(kind, name)
    if (typeof room === 'string') this.#reportShortage(room)
    if (typeof room !== 'object') return
    const { ready } = room
    if (ready !== undefined) {
      this.#owner.wait(ready, () => this.publishTo(kind, name, encode))
      return
    }
    this.#owner.publish(room, encode(room.count))
    if (room.members.length > 0) return
    rooms.close(room, 'empty')
    this.#owner.sender.charge(PUBLISH_TO)
  }

  /** Sends the client what its rooms have for it, ahead of the other members, so that something else may follow. */
  catchUp(): void {
    const behind = this.members.filter(({ room, firstFrame }) => room.batch.frames.length > firstFrame)
    if (behind.length === 0) return
    const share = mergedBatchFor(behind, ({ batch }) => batch)
    for (const member of behind) member.room.skip(member)
    sendTo(this.#owner, share, this.#owner.context.counters, behind[0]?.room)
  }

  /** Takes its place in a room, and tells the others. */
  #place(member: Member): void {
    const { room } = member
    const { kind } = room
    const { observer } = this.#owner.context
    const known = room.has(member.id)
    room.add(member)
    this.members.push(member)
    this.#settle()
    const notices = costOfNotices(room)
    this.#owner.sender.charge(costOfPlace(room) + notices)
    this.#owner.chargeClient(notices)
    this.#owner.conversation.joined?.(member)
    if (kind.joined && !known) room.deliver(kind.joined(member), member)
    if (room.members.length === 1) observer.roomCreated(room, this.#owner)
    observer.joined(member)
  }

  /**
   * Whether the client may take an id. The name of a user belongs to that user: members of others who have it are
   * closed when the user comes, and nobody else can take it while the user is connected. Any other id belongs to the
   * user who has it.
   */
  #mayUseId(id: string, idOwner: string, room: Room): boolean {
    const owner = this.#owner
    if (id !== owner.id && owner.authorization?.mayUseId(id) === false) return false
    const contested = room.owners.isHeldByAnother(id, idOwner)
    if (id !== owner.user) return !contested && !this.#owner.context.users.has(id)
    if (!contested) return true
    for (const member of [...room.members]) {
      if (member.id === id && member.owner !== idOwner) member.session.close(closes.idTaken)
    }
    return true
  }

  /** The room of that name, opened if need be; if that cannot be, the connection is closed. */
  #open(kind: RoomKind, name: string): Room | undefined {
    const owner = this.#owner
    const room = owner.context.rooms.open(kind, name, owner)
    if (typeof room === 'object') return room
    this.#reportShortage(room)
    owner.close(room === 'relay-full' ? closes.tooManyRooms : closes.tooManyOwnRooms)
    return undefined
  }

  /** Reports why a room cannot be opened: all are taken, or the client has its share. */
  #reportShortage(shortage: 'relay-full' | 'client-share'): void {
    const owner = this.#owner
    if (shortage === 'relay-full') owner.reportLimit('rooms')
    else owner.reportLimit(owner.user === undefined ? 'address-rooms' : 'user-rooms')
  }

  /** It has found a room in time, or asked for one. */
  #settle(): void {
    if (this.#settled) return
    this.#settled = true
    this.#owner.context.joinDeadlines.cancel(this.#deadline)
    this.#deadline = undefined
  }
}

/** Resolves after some time, without keeping the process alive. */
async function rest(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.ceil(milliseconds)).unref())
}
