import { createHmac, randomBytes } from 'node:crypto'
import { type Logger, pino, stdTimeFunctions } from 'pino'
import pretty from 'pino-pretty'
import type { Room } from './core/room.js'
import type { Settings } from './options/index.js'
import { isProduction } from './options/log.js'

export type { Logger }

/**
 * The log: JSON lines with `timestamp`, `level`, `message` and the fields in production, else one
 * readable line each, in colour on a terminal.
 */
export function createLogger({ logLevel, environment }: Pick<Settings, 'logLevel' | 'environment'>): Logger {
  const options = { level: logLevel, base: null, messageKey: 'message' }
  if (!isProduction({ environment })) {
    return pino(
      options,
      pretty({ messageKey: 'message', singleLine: true, sync: true, translateTime: 'SYS:HH:MM:ss.l' }),
    )
  }
  return pino({
    ...options,
    timestamp: () => stdTimeFunctions.isoTime().replace('"time"', '"timestamp"'),
    formatters: { level: (label) => ({ level: label.toUpperCase() }) },
  })
}

const HASH_DIGITS = 12

/** Names rooms for the log: by a short keyed hash, since their names are the secrets that let people in. */
export class RoomNamer {
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
