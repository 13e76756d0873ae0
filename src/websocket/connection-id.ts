import { randomFillSync } from 'node:crypto'

const ID_BYTES = 8
/** Random bytes are fetched in bulk: a call for each connection costs more than the rest of its id. */
const pool = Buffer.alloc(ID_BYTES * 512)
let used = pool.length

/** The id of a connection: 16 hexadecimal digits that nobody can guess. */
export function createId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  return pool.toString('hex', used, (used += ID_BYTES))
}
