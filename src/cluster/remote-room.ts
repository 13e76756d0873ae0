import type { RoomMember } from '../core/member.js'
import type { Room } from '../core/room.js'
import type { MemberRecord, Message, Position } from './messages.js'

type Batch = Extract<Message, { kind: 'batch' }>

/** How many batches may wait for a node's list of members. */
const MAX_WAITING = 64

/** A member of a room that is connected to another node. */
export class RemoteMember implements RoomMember {
  readonly room: Room
  readonly key: string
  readonly id: string
  readonly nickname: string | undefined
  readonly owner: string | undefined

  constructor(room: Room, { key, id, nickname, owner }: MemberRecord) {
    this.room = room
    this.key = key
    this.id = id
    this.nickname = nickname
    this.owner = owner
  }
}

/** What is known of another node that hosts a room. That node alone says who its members are. */
export class RemoteRoom {
  readonly room: Room
  readonly node: string
  readonly members = new Map<string, RemoteMember>()
  /** The number of its last change that is known, and of its last join or leave. */
  seq = -1
  membershipSeq = -1
  /** Whether the members are known to be right as of `seq`. */
  synced = false
  /** When something came from it, and when it was asked who is in. */
  heard: number
  asked = Number.NEGATIVE_INFINITY
  #waiting: Batch[] = []

  constructor(room: Room, node: string, now: number) {
    this.room = room
    this.node = node
    this.heard = now
  }

  /**
   * Takes what happened in one turn there. A batch that is known already is dropped: libraries and
   * backplanes may send one twice. One that does not follow on what is known waits for a list of members.
   *
   * @returns How many changes were lost before it.
   */
  take(batch: Batch): number {
    const last = batch.first + batch.changes.length - 1
    if (last <= this.seq) return 0
    this.synced = batch.prevMembershipSeq === this.membershipSeq
    if (!this.synced) {
      this.#waiting.push(batch)
      return this.#waiting.length > MAX_WAITING ? (this.#waiting.shift()?.changes.length ?? 0) : 0
    }
    const lost = Math.max(0, batch.first - this.seq - 1)
    this.seq = last
    for (const [i, change] of batch.changes.entries()) {
      if (change.what === 'data') this.room.relay(change.frame, () => originOf(this.node, batch.first + i))
      else {
        this.membershipSeq = batch.first + i
        if (change.what === 'join') this.#arrive(change.who)
        else this.#depart(change.key)
      }
    }
    return lost
  }

  /**
   * Takes the list of all its members, as of change `seq`.
   *
   * @returns How many changes were lost among those that waited for it.
   */
  replace({ seq, membershipSeq, members }: Position & { members: readonly MemberRecord[] }): number {
    if (seq < this.seq) return 0
    this.synced = true
    // The members were right already. `seq` stays: messages up to it may still be under way.
    if (membershipSeq === this.membershipSeq) return 0
    this.seq = seq
    this.membershipSeq = membershipSeq
    const keys = new Set(members.map(({ key }) => key))
    for (const key of this.members.keys()) if (!keys.has(key)) this.#depart(key)
    for (const who of members) this.#arrive(who)
    const waiting = this.#waiting
    this.#waiting = []
    let lost = 0
    for (const batch of waiting) lost += this.take(batch)
    return lost
  }

  /** It is gone, and its members with it. */
  clear(): void {
    for (const key of this.members.keys()) this.#depart(key)
  }

  #arrive(who: MemberRecord): void {
    if (this.members.has(who.key)) return
    const member = new RemoteMember(this.room, who)
    this.members.set(who.key, member)
    this.room.arrive(member)
  }

  #depart(key: string): void {
    const member = this.members.get(key)
    if (!member) return
    this.members.delete(key)
    this.room.depart(member)
  }
}

/** Names a message by the node where it was published, and its number there. */
export function originOf(node: string, seq: number): string {
  return `${node}/${seq}`
}

/** The node where a message was published. */
export function nodeOf(origin: string): string {
  return origin.slice(0, origin.indexOf('/'))
}
