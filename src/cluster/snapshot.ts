/** What a node tells another about its side of a room. */

import type { HistoryEntry } from '../core/history.js'
import type { RoomMember } from '../core/member.js'
import type { Room } from '../core/room.js'
import type { MemberRecord } from './messages.js'
import { nodeOf } from './remote-room.js'

export function recordOf({ key, id, nickname, owner }: RoomMember): MemberRecord {
  return { key, id, nickname, ...(owner !== undefined && { owner }) }
}

/** The members that are connected to this node. */
export function membersOf({ members }: Room): MemberRecord[] {
  return members.map(recordOf)
}

/** The history for a node that has just come: all but what the other hosts send it themselves. */
export function historyFor(id: string, { history }: Room, hosts: { has(id: string): boolean }): HistoryEntry[] {
  return (history?.entries ?? []).filter(({ origin }) => {
    const node = nodeOf(origin)
    return node === id || !hosts.has(node)
  })
}
