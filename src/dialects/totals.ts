import type { Counters, Totals } from '../core/counters.js'
import { pluresdb } from './pluresdb.js'

/**
 * What is open on this node. Topics and peers are those of `pluresdb`, whose relay gives these numbers too.
 *
 * @param elsewhere How many of its rooms other nodes count, by dialect: these are left out.
 */
export function totalsOf(counters: Counters, elsewhere: ReadonlyMap<string, number> = new Map()): Totals {
  let rooms = counters.rooms
  for (const count of elsewhere.values()) rooms -= count
  const topics = counters.dialect(pluresdb.name)
  return {
    connections: counters.connections - counters.disconnections,
    rooms,
    topics: topics.rooms - (elsewhere.get(pluresdb.name) ?? 0),
    peers: topics.members,
  }
}
