import type { Room } from './room.js'

/**
 * The price of what a client causes beside its messages. The unit is a message, so that `throttle` can count both. A
 * message to 1,000 members is one unit, and so is work that takes the relay as long.
 */

/** Notices that are as much work as one message; each is written for one member. */
const NOTICES = 400

/** Bytes of a history that are as much work as one message. */
const HISTORY_BYTES = 64 * 1024

/** A place in a room; and opening a room, for this node alone or in a cluster. */
const PLACE = 0.1
const ROOM = 0.1
const SHARED_ROOM = 0.5

/** Publishing to a room that had to be opened for it, which happens in a cluster only. */
export const PUBLISH_TO = 5

/** After so much work of one client it is the turn of others. */
export const TURN = 16

/** Notices of a join and of the leave that follows. Where members choose their ids, a new member gets one for each member too. */
export function costOfNotices({ kind, count }: Room): number {
  return kind.joined ? ((kind.chosenIds ? 3 : 2) * count) / NOTICES : 0
}

/** A place in a room; called when the new member is in. */
export function costOfPlace({ members, shared }: Room): number {
  return PLACE + (members.length > 1 ? 0 : shared ? SHARED_ROOM : ROOM)
}

/** Sending a history to a new member. */
export function costOfHistory(bytes: number): number {
  return bytes / HISTORY_BYTES
}
