import type { Room } from './room.js'

/**
 * What a client causes beside its messages, in messages: `throttle` counts them together. A message to 1,000
 * members is one, so that notices to them are cheap; what others pay for is in proportion.
 */

/** Notices that are as much work as a message: each is written for one member. */
const NOTICES = 400

/** Bytes of a history that are. */
const HISTORY_BYTES = 64 * 1024

/** A place in a room; and a room that is opened, here or on a bus that has to be told. */
const PLACE = 0.1
const ROOM = 0.1
const SHARED_ROOM = 0.5

/** A room of a cluster that is opened for a single message. */
export const VISIT = 5

/** After how much of this it is the turn of others. */
export const TURN = 16

/** The notices of a join, and of the leave that follows; where ids are chosen, a newcomer is told of all. */
export function costOfNotices({ kind, count }: Room): number {
  return kind.joined ? ((kind.chosenIds ? 3 : 2) * count) / NOTICES : 0
}

/** A place in a room, for whoever has just come. */
export function costOfPlace({ members, link }: Room): number {
  return PLACE + (members.length > 1 ? 0 : link ? SHARED_ROOM : ROOM)
}

/** A history that a newcomer is sent. */
export function costOfHistory(bytes: number): number {
  return bytes / HISTORY_BYTES
}
