import type { ClusterRooms } from '../core/cluster.js'
import type { Deadline, Deadlines } from '../core/deadlines.js'
import type { HistoryEntry } from '../core/history.js'
import type { RoomCloseCause } from '../core/kind.js'
import type { Link } from '../core/link.js'
import type { RoomMember } from '../core/member.js'
import type { Room } from '../core/room.js'
import type { ClusterCounters } from './counters.js'
import { Hosts, type HostsNode } from './hosts.js'
import type { Change, Message, Position } from './messages.js'
import { Outbox } from './outbox.js'
import { originOf, type RemoteRoom } from './remote-room.js'
import type { RoomAges } from './room-ages.js'
import type { SequenceNumbers } from './sequence-numbers.js'
import { historyFor, membersOf, recordOf } from './snapshot.js'
import {
  BEACON,
  HELLO_RETRY,
  PEER_TIMEOUT,
  REINTRODUCTION,
  SOLO_WELCOME,
  SUBSCRIBE_TIMEOUT,
  WELCOME_TIMEOUT,
} from './timing.js'

/** What a link needs of this node. */
export interface LinkNode extends HostsNode {
  readonly connected: boolean
  readonly deadlines: Deadlines<RoomLink>
  readonly ages: RoomAges
  readonly numbers: SequenceNumbers
  readonly counters: ClusterCounters
  ownerOf(user: string): string
  /** Publishes to all that listen on a channel. Resolves to how many these are, if the backplane can tell. */
  publish(channel: string, message: Message): Promise<number | undefined>
  subscribe(channel: string): Promise<void>
  /** The room was closed here. */
  unlink(link: RoomLink): void
  /** The connection is of no use: makes a new one. */
  reset(why: string): void
  failed(error: unknown): void
}

/** Ties a room here to the same room on the other nodes that host it. */
export class RoomLink implements Link {
  readonly room: Room
  readonly key: string
  readonly channel: string
  ready: Promise<void> | undefined

  readonly #node: LinkNode
  readonly #rooms: ClusterRooms
  readonly #hosts: Hosts
  #resolveReady: (() => void) | undefined
  /** Messages before the backplane confirms the subscription belong to an earlier one, and are ignored. */
  #subscribed = false
  #closed = false
  readonly #outbox: Outbox
  /** When it published last, and when it has to say hello again. */
  #lastPublished: number
  #nextHello = Number.POSITIVE_INFINITY
  #exposedUntil = Number.NEGATIVE_INFINITY
  #deadline: Deadline<RoomLink> | undefined

  constructor(node: LinkNode, room: Room, rooms: ClusterRooms, key: string, channel: string) {
    this.#node = node
    this.room = room
    this.#rooms = rooms
    this.key = key
    this.channel = channel
    this.#hosts = new Hosts(node, room, key, () => this.#rest())
    this.#outbox = new Outbox(node.numbers.next())
    this.#lastPublished = node.now()
    if (node.connected) this.ready = new Promise((resolve) => (this.#resolveReady = resolve))
    else this.#nextHello = Number.NEGATIVE_INFINITY
    this.#open().catch((error: unknown) => node.failed(error))
  }

  /** Whether other nodes host the room, too. */
  get shared(): boolean {
    return this.#hosts.size > 0
  }

  /** Whether other nodes may know the members here: they host the room, or may be about to say so. */
  exposed(now: number): boolean {
    return this.shared || now < this.#exposedUntil
  }

  publish(frame: Buffer): void {
    this.#change({ what: 'data', frame })
  }

  get origin(): string {
    return originOf(this.#node.id, this.#outbox.seq)
  }

  ownerOf(user: string): string {
    return this.#node.ownerOf(user)
  }

  joined(member: RoomMember): void {
    this.#change({ what: 'join', who: recordOf(member) })
  }

  left({ key }: RoomMember): void {
    this.#change({ what: 'leave', key })
  }

  flush(): void {
    const batch = this.#outbox.take()
    if (batch) this.#publish(batch)
  }

  close(why: RoomCloseCause): void {
    this.flush()
    if (why === 'expired') {
      this.#node.ages.markExpired(this.channel, this.room.created, this.#node.now())
      this.#publish({ kind: 'expire', created: this.room.created })
    } else if (why !== 'isolated' && this.shared) this.#publish({ kind: 'gone', seq: this.#outbox.seq + 1 })
    this.#closed = true
    this.#node.unlink(this)
    this.#node.numbers.retire(this.#outbox.seq)
    this.#hosts.close()
    this.#node.deadlines.cancel(this.#deadline)
    this.#becomeReady()
  }

  /** The deadline is due: does what is. */
  tick(): void {
    const now = this.#node.now()
    if (this.ready !== undefined) this.#becomeReady()
    else if (!this.#node.connected) this.#wait(BEACON[1])
    else if (!this.#subscribed) this.#node.reset('No answer to a subscription')
    else {
      this.#hosts.checkAll(now)
      if (now >= this.#nextHello) this.#hello().catch((error: unknown) => this.#node.failed(error))
      else if (now - this.#lastPublished >= BEACON[0]) this.#publish({ kind: 'beacon', ...this.#position() })
      this.#rest()
    }
  }

  /** The backplane is back, or has lost something: sends the hello again within a few seconds. */
  refresh(): void {
    const [from, to] = REINTRODUCTION
    this.#nextHello = this.#node.now() + from + Math.random() * (to - from)
    this.#rest()
  }

  /** The same, if it could have missed something while the backplane was away. */
  restored(): void {
    if (this.shared || this.#nextHello <= this.#node.now()) this.refresh()
    else this.#rest()
  }

  /** A message of a node may be lost. */
  doubt(id: string): void {
    this.#hosts.doubt(id)
  }

  /** The other nodes count the members here as gone: these are disconnected in so many milliseconds. */
  evict(delay: number): void {
    this.#rooms.evict(this.room, delay)
  }

  /** A node is gone, or no longer hosts the room. */
  drop(id: string): void {
    if (!this.#hosts.has(id)) return
    this.#hosts.drop(id)
    this.#answered()
  }

  /** A message of another node about the room. */
  receive(id: string, message: Message): void {
    if (!this.#subscribed) return
    const known = this.#hosts.get(id)
    if (known) known.heard = this.#node.now()
    switch (message.kind) {
      case 'batch':
        this.#hosts.take(id, message)
        break
      case 'hello':
        this.#greet(id, message)
        break
      case 'sync':
        this.#answer(id, message, known)
        break
      case 'need':
        this.#hosts.add(id)
        this.#sync(id)
        this.#hosts.check(id)
        break
      case 'beacon':
        this.#backdate(message.created)
        this.#hosts.compare(id, message)
        break
      case 'absent':
      case 'gone':
        if (known && message.seq >= known.seq) this.drop(id)
        break
      case 'expire':
        if (this.room.kind.expired && this.room.created <= message.created) this.#rooms.expire(this.room)
        break
    }
  }

  async #open(): Promise<void> {
    this.#wait(this.ready === undefined ? SUBSCRIBE_TIMEOUT : WELCOME_TIMEOUT)
    await this.#node.subscribe(this.channel)
    if (this.#closed) return
    this.#subscribed = true
    if (this.#node.connected) await this.#hello()
  }

  /** Says to all hosts that this node is one, and who its members are. */
  async #hello(): Promise<void> {
    this.#nextHello = Number.POSITIVE_INFINITY
    this.flush()
    this.#lastPublished = this.#node.now()
    const members = membersOf(this.room)
    const hello = {
      kind: 'hello',
      ...this.#position(),
      members,
      known: this.#hosts.known,
      wantsHistory: this.ready !== undefined,
    } as const
    const before = this.#exposedUntil
    // The hello may arrive even if the backplane's answer is lost.
    if (members.length > 0) this.#exposedUntil = Number.POSITIVE_INFINITY
    const receivers = await this.#node.publish(this.channel, hello)
    if (this.#closed) return
    if (members.length > 0) this.#exposedUntil = receivers === 1 ? before : this.#node.now() + PEER_TIMEOUT
    if (receivers !== undefined) this.#hosts.listeners = receivers - 1
    else if (this.ready !== undefined && this.#hosts.unknown) this.#wait(SOLO_WELCOME)
    this.#answered()
  }

  /** Tells one node who is here. */
  #sync(id: string, history: readonly HistoryEntry[] = []): void {
    this.flush()
    // A node that has just come does not know.
    const hosts = this.ready === undefined ? [this.#node.id, ...this.#hosts.ids] : []
    this.#node.sendTo(id, {
      kind: 'sync',
      room: this.key,
      ...this.#position(),
      hosts,
      members: membersOf(this.room),
      history,
    })
  }

  /** A node said hello. */
  #greet(id: string, message: Extract<Message, { kind: 'hello' }>): void {
    this.#learn(id, message)
    if (message.known.get(this.#node.id) !== this.#outbox.membershipSeq)
      this.#sync(id, message.wantsHistory ? historyFor(id, this.room, this.#hosts) : [])
  }

  /** A node answered to this one alone. */
  #answer(id: string, message: Extract<Message, { kind: 'sync' }>, known: RemoteRoom | undefined): void {
    // Where nothing is in doubt, what comes on the room's channel counts: this came on another, and may overtake it.
    if (!known?.synced) this.#learn(id, message)
    if (message.history.length > 0) this.room.history?.adopt(message.history)
    this.#hosts.addNamed(message.hosts)
    this.#answered()
  }

  #learn(id: string, message: Extract<Message, { kind: 'hello' | 'sync' }>): void {
    this.#backdate(message.created)
    this.#hosts.learn(id, message)
  }

  /** The room is ready once all have answered that should. */
  #answered(): void {
    if (this.ready !== undefined && this.#hosts.complete) this.#becomeReady()
  }

  #becomeReady(): void {
    const resolve = this.#resolveReady
    if (!resolve) return
    this.ready = undefined
    this.#resolveReady = undefined
    resolve()
    if (this.#closed) return
    if (!this.#hosts.complete) this.#nextHello = this.#node.now() + HELLO_RETRY
    this.#rest()
    // All that waited for it may have gone meanwhile.
    setImmediate(() => {
      if (this.room.members.length === 0) this.#rooms.close(this.room, 'empty')
    })
  }

  /** Sleeps until something is due. */
  #rest(): void {
    if (this.ready !== undefined) return
    if (!this.#subscribed) {
      this.#wait(SUBSCRIBE_TIMEOUT)
      return
    }
    const now = this.#node.now()
    const [from, to] = BEACON
    const nextPublished = this.#lastPublished + from + Math.random() * (to - from)
    const due = Math.min(this.#nextHello, nextPublished, this.#hosts.nextQuery)
    this.#wait(Math.max(1, due - now))
  }

  #wait(delay: number): void {
    if (this.#closed) return
    this.#node.deadlines.cancel(this.#deadline)
    this.#deadline = this.#node.deadlines.set(this, delay)
  }

  #change(change: Change): void {
    if (this.#closed) return
    if (this.shared && this.#node.connected) {
      this.#outbox.add(change)
      return
    }
    // The numbers of one batch follow each other.
    this.flush()
    this.#outbox.count(change)
    if (this.shared) this.#node.counters.unsent++
  }

  #publish(message: Message): void {
    this.#lastPublished = this.#node.now()
    void this.#node.publish(this.channel, message)
  }

  #position(): Position {
    const { seq, membershipSeq } = this.#outbox
    return { seq, membershipSeq, created: this.room.created }
  }

  #backdate(created: number): void {
    const { room } = this
    if (room.kind.expired && this.#node.ages.plausible(this.channel, created)) this.#rooms.backdate(room, created)
  }
}
