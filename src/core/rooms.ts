import { Alarms } from './alarms.js'
import type { Counters } from './counters.js'
import { closes } from './errors.js'
import type { Limits } from './hub.js'
import { Room, type RoomKind } from './room.js'
import { Ticker } from './ticker.js'

/** All open rooms, by dialect and name. */
export class Rooms implements Iterable<Room> {
  readonly #limits: Limits
  readonly #counters: Counters
  readonly #ticker = new Ticker()
  readonly #kinds = new Map<RoomKind, Map<string, Room>>()
  readonly #expiries = new Alarms<Room>((room) => this.#expire(room))
  #size = 0

  constructor(limits: Limits, counters: Counters) {
    this.#limits = limits
    this.#counters = counters
  }

  /** How many rooms are open. */
  get size(): number {
    return this.#size
  }

  *[Symbol.iterator](): Iterator<Room> {
    for (const rooms of this.#kinds.values()) yield* rooms.values()
  }

  /** The room of that name, if it is open. */
  find(kind: RoomKind, name: string): Room | undefined {
    return this.#kinds.get(kind)?.get(name)
  }

  /** The room of that name, opened if need be; undefined if there are too many. */
  open(kind: RoomKind, name: string): Room | undefined {
    const found = this.find(kind, name)
    if (found) return found
    if (this.#limits.maxRooms > 0 && this.#size >= this.#limits.maxRooms) return undefined
    const room = new Room(kind, name, this.#ticker, this.#counters)
    let rooms = this.#kinds.get(kind)
    if (!rooms) this.#kinds.set(kind, (rooms = new Map()))
    rooms.set(name, room)
    this.#size++
    this.#counters.census(kind.name).rooms++
    if (kind.expired && this.#limits.roomExpiry > 0) {
      room.expiry = this.#expiries.set(room, this.#limits.roomExpiry)
    }
    return room
  }

  /** Forgets a room: whoever comes next opens a new one. */
  close(room: Room): void {
    const rooms = this.#kinds.get(room.kind)
    if (rooms?.get(room.name) !== room) return
    rooms.delete(room.name)
    this.#size--
    this.#counters.census(room.kind.name).rooms--
    this.#expiries.cancel(room.expiry)
  }

  /** Lets go of all timers. */
  stop(): void {
    this.#expiries.clear()
  }

  #expire(room: Room): void {
    room.expired = true
    const notice = room.kind.expired?.()
    if (notice) room.publish(notice)
    room.flush()
    this.close(room)
    for (const member of [...room.members]) member.session.close(closes.roomExpired)
  }
}
