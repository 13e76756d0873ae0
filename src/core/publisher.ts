import type { RelayContext } from './context.js'
import { PublishOrder } from './flush-group.js'
import type { RoomKind } from './kind.js'
import type { Room } from './room.js'

/** Makes a frame, given how many members the room has. */
type Encode = (count: number) => Buffer

/** Rooms that the program opens count for no client. */
const PROGRAM = { client: '' }

/** Speaks into rooms for the program that the relay is part of, which is a member of none. */
export class Publisher {
  readonly #context: RelayContext
  readonly #order = new PublishOrder<Room>()
  /** What waits for rooms until the other nodes have told who is in. */
  readonly #waiting = new Map<Room, Encode[]>()
  #stopped = false

  constructor(context: RelayContext) {
    this.#context = context
  }

  /**
   * Sends a frame to all members of a room, on all nodes.
   *
   * @returns How many members on this node get it.
   */
  publish(kind: RoomKind, name: string, encode: Encode): number {
    if (this.#stopped) return 0
    const { rooms, cluster, observer } = this.#context
    cluster?.wake()
    // A node that does not host the room has to open it for a moment, to reach those that do.
    const room = rooms.clustered ? rooms.open(kind, name, PROGRAM) : rooms.find(kind, name)
    if (room === undefined) return 0
    if (typeof room === 'string') {
      observer.limited('rooms')
      return 0
    }
    const { length } = room.members
    const { ready } = room
    const waiting = this.#waiting.get(room)
    if (waiting) waiting.push(encode)
    else if (ready === undefined) this.#deliver(room, [encode])
    else {
      const frames = [encode]
      this.#waiting.set(room, frames)
      ready.then(() => this.#opened(room, frames)).catch((error: unknown) => observer.failed(error))
    }
    return length
  }

  /** Publishes nothing more, not even what waits. */
  stop(): void {
    this.#stopped = true
  }

  #opened(room: Room, frames: readonly Encode[]): void {
    this.#waiting.delete(room)
    if (this.#stopped) return
    const { kind, name } = room
    // Somebody else who came in meanwhile may have been the last to leave, so that the room is closed.
    if (this.#context.rooms.find(kind, name) === room) this.#deliver(room, frames)
    else for (const encode of frames) this.publish(kind, name, encode)
  }

  #deliver(room: Room, frames: readonly Encode[]): void {
    const { rooms, counters } = this.#context
    for (const encode of frames) {
      counters.messagesRelayed++
      this.#order.turnTo(room)
      room.publish(encode(room.count))
    }
    if (room.members.length === 0) rooms.close(room, 'empty')
  }
}
