import type { ClientConnection } from '../core/client-connection.js'
import type { Member, Room } from '../core/room.js'
import type { Rooms } from '../core/rooms.js'
import type { RoomNameHasher } from '../observability/room-names.js'
import { Ranking } from './ranking.js'
import type { MemberOrder, MemberRow, OpenRoom, RoomOrder, RoomRow } from './updates.js'

/** How many rooms, or members of a room, are listed. */
const SHOWN = 100

/** What a dashboard shows. */
export interface View {
  readonly order: RoomOrder
  /** Key of the room whose members it lists. */
  readonly room: string | undefined
  readonly memberOrder: MemberOrder
}

/** What passed through a room, by the second; null as long as that is not known. */
interface Traffic {
  readonly messages: number | null
  readonly bytes: number | null
}

const UNKNOWN: Traffic = { messages: null, bytes: null }

interface MemberStats {
  readonly member: Member
  /** Of the whole connection. */
  readonly messages: number | null
  readonly received: number | null
  readonly sent: number | null
  readonly backlog: number
  readonly age: number
}

/** A room whose members are listed. */
interface Opened {
  readonly traffic: Traffic
  readonly members: readonly MemberStats[]
}

/** The totals of a connection at a time. Rates are the difference between two. */
interface Snapshot {
  readonly at: number
  readonly messages: number
  readonly received: number
  readonly sent: number
}

/** Ranks the rooms, and the members of some of them, for open dashboards. Costs nothing while none is open. */
export class RoomInspector {
  readonly #rooms: Rooms
  readonly #roomNames: RoomNameHasher
  /** When the counts of the rooms were set back; undefined while no dashboard is open. */
  #refreshed: number | undefined
  #ranked = new Map<RoomOrder, RoomRow[]>()
  #opened = new Map<string, Opened>()
  #snapshots = new WeakMap<ClientConnection, Snapshot>()
  #keys = 0
  readonly #keyOf = new WeakMap<Room, string>()
  /** Rooms that a dashboard has been sent. */
  readonly #known = new Map<string, WeakRef<Room>>()

  constructor(rooms: Rooms, roomNames: RoomNameHasher) {
    this.#rooms = rooms
    this.#roomNames = roomNames
  }

  /** The open room that a key stands for. */
  find(key: string): Room | undefined {
    const room = this.#known.get(key)?.deref()
    return room && this.#rooms.find(room.kind, room.name) === room ? room : undefined
  }

  /** Goes through all rooms, once for all views. */
  refresh(views: readonly View[]): void {
    const now = performance.now()
    const seconds = this.#refreshed === undefined ? undefined : (now - this.#refreshed) / 1000
    this.#refreshed = now
    const traffic = ({ frames, bytes }: { frames: number; bytes: number }): Traffic => ({
      messages: seconds === undefined ? null : rounded(frames / seconds),
      bytes: seconds === undefined ? null : rounded(bytes / seconds),
    })
    for (const key of this.#known.keys()) if (!this.find(key)) this.#known.delete(key)
    this.#opened = new Map()
    for (const { room: key } of views) {
      const room = key === undefined ? undefined : this.find(key)
      if (key !== undefined && room && !this.#opened.has(key)) this.#open(key, room, now, traffic(room))
    }
    this.#rank(new Set(views.map(({ order }) => order)), traffic)
  }

  /** The last dashboard was closed. */
  reset(): void {
    this.#refreshed = undefined
    this.#ranked = new Map()
    this.#opened = new Map()
    this.#snapshots = new WeakMap()
  }

  /** The first rooms, as of the last refresh; undefined if no dashboard had that order. */
  rooms(order: RoomOrder): readonly RoomRow[] | undefined {
    return this.#ranked.get(order)
  }

  /** A room and its first members, as of the last refresh if it was open then; null if it is gone. */
  room(key: string, order: MemberOrder): OpenRoom | null {
    const room = this.find(key)
    if (!room) return null
    const seen = this.#opened.get(key) ?? this.#open(key, room, performance.now())
    const ranking = new Ranking<MemberStats>(SHOWN)
    for (const stats of seen.members) {
      const score = memberScores[order](stats)
      if (ranking.admits(score)) ranking.add(stats, score)
    }
    const list = ranking
      .best()
      .filter(({ member }) => member.index >= 0)
      .map((stats) => this.#memberRow(stats))
    return { ...this.#row(room, seen.traffic), list }
  }

  #open(key: string, room: Room, now: number, traffic: Traffic = UNKNOWN): Opened {
    const opened = { traffic, members: room.members.map((member) => this.#statsOf(member, now)) }
    this.#opened.set(key, opened)
    return opened
  }

  #rank(orders: Iterable<RoomOrder>, traffic: (room: Room) => Traffic): void {
    const rankings = [...orders].map((order) => {
      return { order, score: roomScores[order], ranking: new Ranking<{ room: Room } & Traffic>(SHOWN) }
    })
    for (const room of this.#rooms) {
      for (const { score, ranking } of rankings) {
        const points = score(room)
        if (ranking.admits(points)) ranking.add({ room, ...traffic(room) }, points)
      }
      room.frames = 0
      room.bytes = 0
    }
    this.#ranked = new Map(
      rankings.map(({ order, ranking }) => [order, ranking.best().map(({ room, ...rates }) => this.#row(room, rates))]),
    )
  }

  #row(room: Room, { messages, bytes }: Traffic): RoomRow {
    return {
      key: this.#key(room),
      name: this.#roomNames.nameOf(room),
      dialect: room.kind.name,
      members: room.members.length,
      messages,
      bytes,
      age: Math.max(0, Math.round((Date.now() - room.created) / 1000)),
    }
  }

  #key(room: Room): string {
    let key = this.#keyOf.get(room)
    if (key === undefined) this.#keyOf.set(room, (key = String(++this.#keys)))
    if (!this.#known.has(key)) this.#known.set(key, new WeakRef(room))
    return key
  }

  #statsOf(member: Member, at: number): MemberStats {
    const { session } = member
    const { received, sent, backlog } = session.measure()
    const last = this.#snapshots.get(session)
    const rate = (before: number | undefined, total: number): number | null =>
      last === undefined || before === undefined || at <= last.at
        ? null
        : rounded(((total - before) * 1000) / (at - last.at))
    const stats = {
      member,
      messages: rate(last?.messages, session.messages),
      received: rate(last?.received, received),
      sent: rate(last?.sent, sent),
      backlog,
      age: Math.max(0, Math.floor(at / 1000) - session.since),
    }
    this.#snapshots.set(session, { at, messages: session.messages, received, sent })
    return stats
  }

  #memberRow({ member, age, messages, received, sent, backlog }: MemberStats): MemberRow {
    const { session, room, id, nickname } = member
    const names = this.#roomNames.plain ? [id === session.id ? undefined : id, nickname, session.user] : []
    return {
      id: session.id,
      dialect: room.kind.name,
      address: session.address,
      names: names.filter((name) => name !== undefined),
      age,
      messages,
      received,
      sent,
      backlog,
    }
  }
}

const roomScores: Readonly<Record<RoomOrder, (room: Room) => number>> = {
  members: ({ members }) => members.length,
  messages: ({ frames }) => frames,
  bytes: ({ bytes }) => bytes,
  oldest: ({ created }) => -created,
  newest: ({ created }) => created,
}

const memberScores: Readonly<Record<MemberOrder, (stats: MemberStats) => number>> = {
  backlog: ({ backlog }) => backlog,
  messages: ({ messages }) => messages ?? 0,
  received: ({ received }) => received ?? 0,
  sent: ({ sent }) => sent ?? 0,
  oldest: ({ age }) => age,
  newest: ({ age }) => -age,
}

function rounded(rate: number): number {
  return Math.round(rate * 10) / 10
}
