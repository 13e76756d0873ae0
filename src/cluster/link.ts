import type { Link } from '../core/cluster.js'
import type { Deadline } from '../core/deadlines.js'
import type { HistoryEntry } from '../core/history.js'
import type { Member, Room, RoomCloseCause } from '../core/room.js'
import type { Rooms } from '../core/rooms.js'
import { Hosts } from './hosts.js'
import type { Change, MemberRecord, Message } from './messages.js'
import type { ClusterNode } from './node.js'
import { Outbox } from './outbox.js'
import { nodeOf, originOf, RemoteRoom } from './remote-room.js'
import {
  BEACON,
  HELLO_RETRY,
  PEER_TIMEOUT,
  QUERY_INTERVAL,
  REINTRODUCTION,
  ROOM_SILENCE,
  SOLO_WELCOME,
  SUBSCRIBE_TIMEOUT,
  WELCOME_TIMEOUT,
} from './timing.js'

/** One room, and the other nodes that host it, too. */
export class RoomLink implements Link {
  readonly room: Room
  readonly key: string
  readonly channel: string
  ready: Promise<void> | undefined

  readonly #node: ClusterNode
  readonly #rooms: Rooms
  readonly #hosts = new Hosts()
  #opened: (() => void) | undefined
  /** Nothing is listened to before the bus has confirmed: what comes earlier is from a former life. */
  #subscribed = false
  #closed = false
  /** Whether this node counts the room: it has the smallest id among the hosts. */
  #mine = true
  readonly #outbox: Outbox
  /** When it spoke last, and when it has to introduce itself again. */
  #lastPublished: number
  #nextHello = Number.POSITIVE_INFINITY
  #exposedUntil = Number.NEGATIVE_INFINITY
  #alarm: Deadline<RoomLink> | undefined

  constructor(node: ClusterNode, room: Room, rooms: Rooms, key: string, channel: string) {
    this.#node = node
    this.room = room
    this.#rooms = rooms
    this.key = key
    this.channel = channel
    this.#outbox = new Outbox(node.nextNumber())
    this.#lastPublished = node.now()
    if (node.connected) this.ready = new Promise((resolve) => (this.#opened = resolve))
    else this.#nextHello = Number.NEGATIVE_INFINITY
    this.#open().catch((error: unknown) => node.failed(error))
  }

  /** Whether other nodes host the room, too. */
  get shared(): boolean {
    return this.#hosts.size > 0
  }

  /** Whether other nodes may know of the members here: they host the room, or may be about to say so. */
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

  joined(member: Member): void {
    this.#change({ what: 'join', who: recordOf(member) })
  }

  left({ key }: Member): void {
    this.#change({ what: 'leave', key })
  }

  flush(): void {
    const batch = this.#outbox.take()
    if (batch) this.#publish(batch)
  }

  close(why: RoomCloseCause): void {
    this.flush()
    const { created } = this.room
    if (why === 'expired') {
      this.#node.ages.markExpired(this.channel, created, this.#node.now())
      this.#publish({ kind: 'expire', created })
    } else if (why !== 'isolated' && this.shared) this.#publish({ kind: 'gone', s: this.#outbox.seq + 1 })
    this.#closed = true
    this.#node.unlink(this)
    this.#node.retire(this.#outbox.seq)
    if (!this.#mine) this.#node.yielded(this.room, -1)
    this.#node.alarms.cancel(this.#alarm)
    this.#goLive()
  }

  /** The alarm rang. */
  tick(): void {
    const now = this.#node.now()
    if (this.ready !== undefined) this.#goLive()
    else if (!this.#node.connected) this.#wait(BEACON[1])
    else if (!this.#subscribed) this.#node.reset('No answer to a subscription')
    else {
      for (const [id, remote] of this.#hosts) {
        const doubtful = !remote.synced || now - remote.heard > ROOM_SILENCE
        if (doubtful && now - remote.asked >= QUERY_INTERVAL) this.doubt(id)
      }
      if (now >= this.#nextHello) this.#hello().catch((error: unknown) => this.#node.failed(error))
      else if (now - this.#lastPublished >= BEACON[0]) this.#publish({ kind: 'beacon', ...this.#position() })
      this.#rest()
    }
  }

  /** The bus is back, or has lost something: introduces itself again, within a few seconds. */
  refresh(): void {
    const [from, to] = REINTRODUCTION
    this.#nextHello = this.#node.now() + from + Math.random() * (to - from)
    this.#rest()
  }

  /** The same, if it could have missed something while the bus was away. */
  restored(): void {
    if (this.shared || this.#nextHello <= this.#node.now()) this.refresh()
    else this.#rest()
  }

  /** Something that a node said may not have come: asks it who is there. */
  doubt(id: string): void {
    const remote = this.#hosts.get(id)
    if (!remote) return
    remote.synced = false
    this.#ask(id, remote)
  }

  #ask(id: string, remote: RemoteRoom): void {
    remote.asked = this.#node.now()
    this.#node.sendTo(id, { kind: 'need', room: this.key })
    this.#rest()
  }

  /** The members on other nodes have lost sight of those here: these are closed, a while later. */
  evict(delay: number): void {
    this.#rooms.evict(this.room, delay)
  }

  /** A node is gone, or no longer hosts the room. */
  drop(id: string): void {
    const remote = this.#hosts.get(id)
    if (!remote) return
    this.#hosts.delete(id)
    remote.clear()
    this.#recount()
    this.#answered()
  }

  /** Something that another node said of the room. */
  receive(id: string, message: Message): void {
    if (!this.#subscribed) return
    const known = this.#hosts.get(id)
    if (known) known.heard = this.#node.now()
    switch (message.kind) {
      case 'batch':
        this.#lost(this.#remote(id).take(message))
        this.#checkOn(id)
        break
      case 'hello':
        this.#greet(id, message)
        break
      case 'sync':
        this.#answer(id, message, known)
        break
      case 'need':
        this.#remote(id)
        this.#sync(id)
        this.#checkOn(id)
        break
      case 'beacon':
        this.#compare(id, message)
        break
      case 'absent':
      case 'gone':
        if (known && message.s >= known.seq) this.drop(id)
        break
      case 'expire':
        if (this.room.kind.expired && this.room.created <= message.created) this.#rooms.expire(this.room)
        break
      default:
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

  /** Introduces itself to all who host the room. */
  async #hello(): Promise<void> {
    this.#nextHello = Number.POSITIVE_INFINITY
    this.flush()
    const have = new Map<string, number>()
    for (const [id, { synced, membershipSeq }] of this.#hosts) if (synced) have.set(id, membershipSeq)
    this.#lastPublished = this.#node.now()
    const members = this.#members()
    const hello = { kind: 'hello', ...this.#position(), members, have, curious: this.ready !== undefined } as const
    const before = this.#exposedUntil
    // The hello may arrive even if the bus's answer is lost.
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
    // Whoever has just come does not know.
    const hosts = this.ready === undefined ? [this.#node.id, ...this.#hosts.ids] : []
    this.#node.sendTo(id, {
      kind: 'sync',
      room: this.key,
      ...this.#position(),
      hosts,
      members: this.#members(),
      history,
    })
  }

  /** A node introduced itself. */
  #greet(id: string, message: Extract<Message, { kind: 'hello' }>): void {
    this.#learn(id, message)
    if (message.have.get(this.#node.id) !== this.#outbox.membershipSeq)
      this.#sync(id, message.curious ? this.#historyFor(id) : [])
  }

  /** A node answered to this one alone. */
  #answer(id: string, message: Extract<Message, { kind: 'sync' }>, known: RemoteRoom | undefined): void {
    // Where nothing is in doubt, what comes on the room's channel counts: this came on another, and may overtake it.
    if (!known?.synced) this.#learn(id, message)
    if (message.history.length > 0) this.room.history?.adopt(message.history)
    this.#hosts.hearOf(message.hosts)
    this.#answered()
  }

  #learn(id: string, message: Extract<Message, { kind: 'hello' | 'sync' }>): void {
    this.#backdate(message.created)
    this.#lost(this.#remote(id).replace(message))
    this.#checkOn(id)
  }

  #compare(id: string, { s, v, created }: Extract<Message, { kind: 'beacon' }>): void {
    this.#backdate(created)
    const remote = this.#remote(id)
    if (s < remote.seq) return
    if (v !== remote.membershipSeq) remote.synced = false
    else if (remote.synced) {
      this.#lost(s - remote.seq)
      remote.seq = s
    }
    this.#checkOn(id)
  }

  /** Asks a node about which something is not right, at once or a while after it was asked. */
  #checkOn(id: string): void {
    const remote = this.#hosts.get(id)
    if (!remote || remote.synced) return
    if (this.#node.now() - remote.asked >= QUERY_INTERVAL) this.#ask(id, remote)
  }

  /** Goes live once all who should have answered. */
  #answered(): void {
    if (this.ready !== undefined && this.#hosts.complete(this.#node.id)) this.#goLive()
  }

  #goLive(): void {
    const opened = this.#opened
    if (!opened) return
    this.ready = undefined
    this.#opened = undefined
    opened()
    if (this.#closed) return
    if (!this.#hosts.complete(this.#node.id)) this.#nextHello = this.#node.now() + HELLO_RETRY
    this.#rest()
    // All who waited for it may have gone meanwhile.
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
    let due = Math.min(this.#nextHello, this.#lastPublished + from + Math.random() * (to - from))
    for (const [, { synced, asked, heard }] of this.#hosts) {
      due = Math.min(due, synced ? Math.max(heard + ROOM_SILENCE, asked + QUERY_INTERVAL) : asked + QUERY_INTERVAL)
    }
    this.#wait(Math.max(1, due - now))
  }

  #wait(delay: number): void {
    if (this.#closed) return
    this.#node.alarms.cancel(this.#alarm)
    this.#alarm = this.#node.alarms.set(this, delay)
  }

  #remote(id: string): RemoteRoom {
    let remote = this.#hosts.get(id)
    if (!remote) {
      remote = new RemoteRoom(this.room, id, this.#node.now())
      this.#hosts.set(id, remote)
      this.#recount()
    }
    return remote
  }

  #recount(): void {
    const mine = this.#hosts.allAbove(this.#node.id)
    if (mine === this.#mine) return
    this.#mine = mine
    this.#node.yielded(this.room, mine ? -1 : 1)
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

  #position(): { s: number; v: number; created: number } {
    const { seq, membershipSeq } = this.#outbox
    return { s: seq, v: membershipSeq, created: this.room.created }
  }

  #members(): MemberRecord[] {
    return this.room.members.map(recordOf)
  }

  /** What a newcomer hears of the past from this node: all but what other nodes tell of themselves. */
  #historyFor(id: string): readonly HistoryEntry[] {
    const memories = this.room.history?.entries ?? []
    return memories.filter(({ origin }) => {
      const node = nodeOf(origin)
      return node === id || !this.#hosts.has(node)
    })
  }

  #backdate(created: number): void {
    const { room } = this
    if (room.kind.expired && this.#node.ages.plausible(this.channel, created)) this.#rooms.backdate(room, created)
  }

  #lost(changes: number): void {
    this.#node.counters.lost += changes
  }
}

function recordOf({ key, id, nickname, owner }: Member): MemberRecord {
  return { key, id, nickname, ...(owner !== undefined && { owner }) }
}
