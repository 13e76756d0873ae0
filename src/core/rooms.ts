import { Alarms } from './alarms.js'
import { closes } from './errors.js'
import type { Limits, Observer } from './hub.js'
import { Room, type RoomKind } from './room.js'
import { Ticker } from './ticker.js'

/** All open rooms, by dialect and name. */
export class Rooms implements Iterable<Room> {
  readonly #limits: Limits
  readonly #observer: Observer
  readonly #ticker = new Ticker()
  readonly #kinds = new Map<RoomKind, Map<string, Room>>()
  readonly #expiries = new Alarms<Room>((room) => this.#expire(room))
  #size = 0

  constructor(limits: Limits, observer: Observer) {
    this.#limits = limits
    this.#observer = observer
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
    const room = new Room(kind, name, this.#ticker)
    let rooms = this.#kinds.get(kind)
    if (!rooms) this.#kinds.set(kind, (rooms = new Map()))
    rooms.set(name, room)
    this.#size++
    if (kind.expired && this.#limits.roomExpiry > 0) {
      room.expiry = this.#expiries.set(room, this.#limits.roomExpiry)
    }
    return room
  }

  /** Forgets a room. Does nothing if it is forgotten already. */
  close(room: Room, why: 'empty' | 'expired'): void {
    const rooms = this.#kinds.get(room.kind)
    if (rooms?.get(room.name) !== room) return
    rooms.delete(room.name)
    this.#size--
    this.#expiries.cancel(room.expiry)
    this.#observer.roomRemoved(room, why)
  }

  /** Lets go of all timers. */
  stop(): void {
    this.#expiries.clear()
  }

  #expire(room: Room): void {
    const notice = room.kind.expired?.()
    if (notice) room.publish(notice)
    room.flush()
    // Forgotten first: whoever joins from now on opens a new room, and the leaves are not announced.
    this.close(room, 'expired')
    for (const member of [...room.members]) member.session.close(closes.roomExpired)
  }
}
