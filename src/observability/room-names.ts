import { createHmac, randomBytes } from 'node:crypto'
import type { Room } from '../core/room.js'
import type { Settings } from '../options/index.js'

const HASH_DIGITS = 12

/** Names rooms for the log: by a short keyed hash, since their names are the secrets that let people in. */
export class RoomNameHasher {
  /** Whether it gives the names themselves. */
  readonly plain: boolean
  readonly #key: string | Buffer
  readonly #hashes = new WeakMap<Room, string>()

  constructor({ logRoomNames, logKey }: Pick<Settings, 'logRoomNames' | 'logKey'>) {
    this.plain = logRoomNames
    this.#key = logKey || randomBytes(32)
  }

  nameOf(room: Room): string {
    if (this.plain) return room.name
    let hash = this.#hashes.get(room)
    if (hash === undefined) {
      const name = `${room.kind.name}/${room.name}`
      hash = createHmac('sha256', this.#key).update(name).digest('hex').slice(0, HASH_DIGITS)
      this.#hashes.set(room, hash)
    }
    return hash
  }
}
