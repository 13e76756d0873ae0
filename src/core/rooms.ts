import { ClientUsages } from './client-usage.js'
import { ageClock } from './clocks.js'
import { type CloseReason, closes } from './close-reasons.js'
import type { Cluster } from './cluster.js'
import type { Counters } from './counters.js'
import { Deadlines } from './deadlines.js'
import { Archive, History, type HistoryLimits } from './history.js'
import type { RoomCloseCause, RoomKind } from './kind.js'
import { Room } from './room.js'
import { Ticker } from './ticker.js'

/** What bounds the rooms; 0 means no limit. */
interface RoomsLimits extends HistoryLimits {
  readonly maxRooms: number
  readonly roomExpiry: number
}

/** All open rooms, by dialect and name. */
export class Rooms implements Iterable<Room> {
  readonly #limits: RoomsLimits
  readonly #counters: Counters
  readonly #cluster: Cluster | undefined
  readonly #ticker = new Ticker()
  readonly #kinds = new Map<RoomKind, Map<string, Room>>()
  readonly #usages = new ClientUsages()
  readonly #archive: Archive
  readonly #expiries = new Deadlines<Room>((room) => this.expire(room), ageClock)
  readonly #evictions = new Deadlines<Room>((room) => clear(room, closes.isolated))
  #size = 0

  constructor(limits: RoomsLimits, counters: Counters, cluster?: Cluster) {
    this.#limits = limits
    this.#counters = counters
    this.#cluster = cluster
    this.#archive = new Archive(limits)
  }

  /** How many rooms are open. */
  get size(): number {
    return this.#size
  }

  /** How many users and addresses have rooms open. */
  get clients(): number {
    return this.#usages.size
  }

  /** Whether rooms may have members on other nodes. */
  get clustered(): boolean {
    return this.#cluster !== undefined
  }

  *[Symbol.iterator](): Iterator<Room> {
    for (const rooms of this.#kinds.values()) yield* rooms.values()
  }

  /** The room of that name, if it is open. */
  find(kind: RoomKind, name: string): Room | undefined {
    return this.#kinds.get(kind)?.get(name)
  }

  /**
   * The room of that name, opened if need be.
   *
   * @param session Who asks for it. Its client is looked at only if the room has to be opened, since an address costs
   *   a system call, and memory for as long as the socket is there.
   * @returns If it cannot be opened, the reason: all rooms are taken, or this client has its share.
   */
  open(kind: RoomKind, name: string, session: { readonly client: string }): Room | 'relay-full' | 'client-share' {
    const found = this.find(kind, name)
    if (found) return found
    const { client } = session
    const shortage = this.#shortage(client)
    if (shortage) return shortage
    const room = new Room(kind, name, this.#ticker, this.#counters)
    room.usage = this.#usages.open(client)
    let rooms = this.#kinds.get(kind)
    if (!rooms) this.#kinds.set(kind, (rooms = new Map()))
    rooms.set(name, room)
    this.#size++
    this.#counters.dialect(kind.name).rooms++
    this.#setExpiry(room)
    if (kind.remembers && this.#limits.history > 0) room.history = new History(this.#archive, room.usage)
    room.link = this.#cluster?.link(room, this)
    return room
  }

  /** Removes a room: the next client that joins it opens a new one. Does nothing if it is closed. */
  close(room: Room, why: RoomCloseCause): void {
    const rooms = this.#kinds.get(room.kind)
    if (rooms?.get(room.name) !== room) return
    rooms.delete(room.name)
    this.#size--
    this.#counters.dialect(room.kind.name).rooms--
    this.#expiries.cancel(room.expiry)
    room.close(why)
    room.history?.clear()
    room.history = undefined
    if (room.usage) this.#usages.close(room.usage)
    room.usage = undefined
  }

  /** Another node has opened the room before. */
  backdate(room: Room, created: number): void {
    if (created >= room.created) return
    room.created = created
    this.#expiries.cancel(room.expiry)
    this.#setExpiry(room)
  }

  /** Closes a room that has reached its age. */
  expire(room: Room): void {
    const notice = room.kind.expired?.()
    if (notice) room.deliver(notice)
    room.flush()
    this.close(room, 'expired')
    clear(room, closes.roomExpired)
  }

  /**
   * Closes a room on this node, for an operator or the program, and disconnects its members.
   *
   * @returns How many they were.
   */
  disband(room: Room): number {
    const { length } = room.members
    if (length === 0) return 0
    room.flush()
    this.close(room, 'closed')
    clear(room, closes.roomClosed)
    return length
  }

  /**
   * Closes a room whose members here the other nodes count as gone: nobody can join it any more, and `delay`
   * milliseconds later its members are disconnected.
   */
  evict(room: Room, delay: number): void {
    this.close(room, 'isolated')
    this.#evictions.set(room, delay)
  }

  /** Lets go of all timers. */
  stop(): void {
    this.#expiries.clear()
    this.#evictions.clear()
    this.#archive.stop()
  }

  /**
   * Why `client` may not open a room. No client may have opened a larger part of the free rooms than these are of all
   * rooms. So one client alone may open 38 of 100, and n clients n/(n+1) of all, also if they come one after another.
   */
  #shortage(client: string): 'relay-full' | 'client-share' | undefined {
    const { maxRooms } = this.#limits
    if (maxRooms === 0) return undefined
    const free = maxRooms - this.#size
    if (free <= 0) return 'relay-full'
    const share = Math.ceil((free * free) / maxRooms)
    return client !== '' && this.#usages.roomsOf(client) > share ? 'client-share' : undefined
  }

  #setExpiry(room: Room): void {
    const { roomExpiry } = this.#limits
    if (!room.kind.expired || roomExpiry === 0) return
    room.expiry = this.#expiries.set(room, room.created + roomExpiry - Date.now())
  }
}

/** Disconnects all members. */
function clear(room: Room, reason: CloseReason): void {
  for (const member of [...room.members]) member.session.close(reason)
}
