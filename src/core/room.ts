import { Batch, batchFor, concat, sendTo } from './batch.js'
import type { ClientConnection } from './client-connection.js'
import type { ClientUsage } from './client-usage.js'
import { closes } from './close-reasons.js'
import { type Congestible, Congestion, type SlowConsumerState } from './congestion.js'
import type { Counters, DialectCounts } from './counters.js'
import type { Deadline } from './deadlines.js'
import type { FlushGroup } from './flush-group.js'
import type { History } from './history.js'
import { IdOwners, mustYield } from './id-owners.js'
import type { RoomCloseCause, RoomKind } from './kind.js'
import type { Link } from './link.js'
import type { RoomMember } from './member.js'
import type { Ticker } from './ticker.js'

/** A session's place in one room. */
export class Member implements RoomMember {
  readonly session: ClientConnection
  readonly room: Room
  readonly id: string
  readonly nickname: string | undefined
  readonly owner: string | undefined
  /** Whether it may send; decided when it joins, and again for a new token. */
  mayPublish = true
  /** Place in `room.members`; -1 when it is out. */
  index = -1
  /** The first frame of the room's pending batch that is for it, by index: it joined behind those before, or has them. */
  firstFrame = 0
  /** Whether it gets less of the pending batch than the rest: it joined meanwhile, or wrote some of it. */
  needsOwnBatch = false

  constructor(session: ClientConnection, room: Room, id: string, nickname?: string, owner?: string) {
    this.session = session
    this.room = room
    this.id = id
    this.nickname = nickname
    this.owner = owner
  }

  get key(): string {
    return this.session.id
  }
}

/** A batch beyond this is sent at once: it bounds the memory of a turn in which much arrives. */
const MAX_BATCH_BYTES = 256 * 1024

/** Members, and the batch of frames that waits for the end of the turn. */
export class Room implements Congestible {
  readonly kind: RoomKind
  readonly name: string
  /** When it was opened, in milliseconds since 1970; on any node. */
  created = Date.now()
  /** Those who are connected to this node. */
  readonly members: Member[] = []
  /** Set by {@link Rooms} if the room is to expire. */
  expiry: Deadline<Room> | undefined
  /** Who opened it on this node, as long as it is open. */
  usage: ClientUsage | undefined
  /** What ties it to the other nodes; undefined if the relay is no cluster. Set by {@link Rooms}, used by this class alone. */
  link: Link | undefined
  /** Its members that are behind; undefined if none is. */
  congestion: Congestion | undefined
  /** The last messages, where they are kept. */
  history: History | undefined
  readonly owners = new IdOwners()
  /** Messages and notices since the last look of the dashboard, and their bytes: a look resets them. */
  frames = 0
  bytes = 0
  /** What waits for the end of this turn. */
  batch = new Batch()
  /** How many batches it has sent. */
  flushes = 0
  /** The rooms that are flushed together with it; set where a sender turned from one to another. */
  group: FlushGroup | undefined

  readonly #ticker: Ticker
  readonly #counters: Counters
  readonly #counts: DialectCounts
  /** How many members on all nodes have each id, where they choose them. */
  readonly #ids: Map<string, number> | undefined
  /** Those who are connected to other nodes. */
  #remotes: Set<RoomMember> | undefined
  #closed: RoomCloseCause | undefined
  /** Whether it is noted for the flush of this turn. */
  #pending = false
  readonly #ownBatches: Member[] = []

  constructor(kind: RoomKind, name: string, ticker: Ticker, counters: Counters) {
    this.kind = kind
    this.name = name
    this.#counters = counters
    this.#counts = counters.dialect(kind.name)
    this.#ticker = ticker
    if (kind.chosenIds) this.#ids = new Map()
  }

  /** How many members there are, on all nodes. */
  get count(): number {
    return this.members.length + (this.#remotes?.size ?? 0)
  }

  /** Whether other nodes may host it too. */
  get shared(): boolean {
    return this.link !== undefined
  }

  /** Resolves when it is known who is in it on other nodes; undefined from then on, and on a relay that is alone. */
  get ready(): Promise<void> | undefined {
    return this.link?.ready
  }

  /** Why it was closed; undefined while it is open. It may have members still: these are being disconnected. */
  get closed(): RoomCloseCause | undefined {
    return this.#closed
  }

  /** Called once, by {@link Rooms}. */
  close(why: RoomCloseCause): void {
    this.#closed = why
    this.link?.close(why)
  }

  /** Whether a member on any node has chosen this id. */
  has(id: string): boolean {
    return this.#ids?.has(id) ?? false
  }

  /** The distinct ids that the members on all nodes have chosen. */
  ids(): Iterable<string> {
    return this.#ids?.keys() ?? []
  }

  /** Adds a member. It gets nothing that was published before. */
  add(member: Member): void {
    member.index = this.members.push(member) - 1
    this.owners.add(member)
    this.#counts.members++
    this.#count(member.id, 1)
    if (this.batch.frames.length > 0) this.skip(member)
    if (!this.link) return
    this.link.joined(member)
    this.markPending()
  }

  /** Removes a member; the last one takes its place in the list. */
  remove(member: Member): void {
    const last = this.members.pop()
    if (last && last !== member) {
      last.index = member.index
      this.members[last.index] = last
    }
    member.index = -1
    this.owners.delete(member)
    this.#counts.members--
    this.#count(member.id, -1)
    if (!this.link) return
    this.link.left(member)
    this.markPending()
  }

  /** Somebody joined on another node. Announced unless the id was in already. */
  arrive(who: RoomMember): void {
    const known = this.has(who.id)
    this.#remotes ??= new Set()
    this.#remotes.add(who)
    this.#count(who.id, 1)
    if (who.owner !== undefined) this.#claim(who, who.owner)
    if (this.kind.joined && !known) this.deliver(this.kind.joined(who))
  }

  /** Somebody left on another node. Announced unless the id is still in. */
  depart(who: RoomMember): void {
    if (this.#remotes?.delete(who)) {
      this.#count(who.id, -1)
      this.owners.delete(who)
    }
    if (this.kind.left && this.#closed === undefined && !this.has(who.id)) this.deliver(this.kind.left(who))
  }

  /** Stands for a user as the owner of ids: the same on all nodes. Empty where no user is named. */
  ownerOf(user = ''): string {
    return user === '' || !this.link ? user : this.link.ownerOf(user)
  }

  /** A member on another node has taken an id: members here that have to give it up are closed. */
  #claim(who: RoomMember, owner: string): void {
    const contested = this.owners.isHeldByAnother(who.id, owner)
    this.owners.add(who)
    if (!contested) return
    const rightful = this.ownerOf(who.id)
    for (const member of this.members) {
      if (member.id !== who.id || member.owner === undefined || member.owner === owner) continue
      if (!mustYield(member, who, rightful)) continue
      // Not now: the room is in the middle of what the other node said.
      queueMicrotask(() => member.session.close(closes.idTaken))
    }
  }

  /**
   * Sends a frame to all members on all nodes at the end of this turn.
   *
   * @param frame A whole server frame; it must not change afterwards.
   * @param author Does not get it.
   */
  publish(frame: Buffer, author?: Member): void {
    this.link?.publish(frame)
    this.history?.record(frame, this.link?.origin ?? '')
    this.deliver(frame, author)
  }

  /** Sends a message that came from another node to the members here. */
  relay(frame: Buffer, origin: () => string): void {
    this.history?.record(frame, origin())
    this.deliver(frame)
  }

  /** The same for the members on this node alone: notices. */
  deliver(frame: Buffer, author?: Member): void {
    const { batch } = this
    batch.frames.push(frame)
    batch.authors.push(author)
    const number = this.markPending()
    if (this.kind.several) batch.numbers.push(number)
    batch.bytes += frame.length
    if (author) this.#setOwnBatch(author)
    const bytes = this.group ? this.group.grow(frame.length) : batch.bytes
    if (bytes > MAX_BATCH_BYTES) this.flush()
  }

  /** Has it flushed at the end of this turn. Returns a number for what is to be flushed. */
  markPending(): number {
    const first = !this.#pending
    this.#pending = true
    return this.#ticker.note(this, first)
  }

  /** Leaves what waits now out of what `member` gets: the member has come later, or has it already. */
  skip(member: Member): void {
    member.firstFrame = this.batch.frames.length
    this.#setOwnBatch(member)
  }

  /**
   * Sends the pending batch, and those of the rooms of its group. Writing to a member never removes one: a
   * socket that is too slow is dropped after the flush, so `members` stands still meanwhile.
   */
  flush(): void {
    if (this.group) {
      this.group.flush(this.#counters)
      return
    }
    const batch = this.take()
    if (!batch) return
    const counters = this.#counters
    const { deliveries } = counters
    // The same bytes go to everyone who is not apart; put together for the first of them.
    let shared: Buffer | undefined
    for (const member of this.members) {
      if (member.needsOwnBatch) sendTo(member.session, batchFor(member, batch), counters, this)
      else {
        shared ??= concat(batch.frames)
        counters.deliveries += batch.frames.length
        counters.bytesSent += batch.bytes
        member.session.write(shared, this)
      }
    }
    // A member who is alone publishes to nobody.
    if (counters.deliveries > deliveries) counters.batches.record(batch.frames.length)
    this.settle()
  }

  /** Sends the other nodes what this turn brought, now. */
  flushLink(): void {
    this.link?.flush()
  }

  /** Returns the pending batch, if there is one, and begins another. */
  take(): Batch | undefined {
    this.#pending = false
    this.link?.flush()
    const { batch } = this
    if (batch.frames.length === 0) return undefined
    this.flushes++
    this.frames += batch.frames.length
    this.bytes += batch.bytes
    this.batch = new Batch()
    return batch
  }

  /** The batch that was taken is sent: all members get the same again. */
  settle(): void {
    for (const member of this.#ownBatches) {
      member.needsOwnBatch = false
      member.firstFrame = 0
    }
    this.#ownBatches.length = 0
  }

  #count(id: string, change: 1 | -1): void {
    if (!this.#ids) return
    const count = (this.#ids.get(id) ?? 0) + change
    if (count > 0) this.#ids.set(id, count)
    else this.#ids.delete(id)
  }

  /** Much of what the room sent waits for a member. */
  fellBehind(member: SlowConsumerState): void {
    this.congestion ??= new Congestion(this.members, this.#counters)
    this.congestion.add(member)
  }

  /** Little of it still waits. */
  caughtUp(member: SlowConsumerState): void {
    this.congestion?.delete(member)
    if (this.congestion?.size === 0) this.congestion = undefined
  }

  #setOwnBatch(member: Member): void {
    if (member.needsOwnBatch) return
    member.needsOwnBatch = true
    this.#ownBatches.push(member)
  }
}
