/** The messages between nodes. */

import type { Totals } from '../core/counters.js'
import type { HistoryEntry } from '../core/history.js'

/** A member of a room, as other nodes know it. */
export interface MemberRecord {
  /** Unique among all members of all nodes: the id of its connection. */
  readonly key: string
  /** The name under which clients know it; several members may share one. */
  readonly id: string
  readonly nickname: string | undefined
  /** The owner of the id, as `Link.ownerOf` names users; undefined where users are not known. */
  readonly owner?: string | undefined
}

/** One change in a room, in the order in which it happened. */
export type Change =
  | { readonly what: 'data'; readonly frame: Buffer }
  | { readonly what: 'join'; readonly who: MemberRecord }
  | { readonly what: 'leave'; readonly key: string }

/** Where a node stands in one room. */
export interface Position {
  /** The number of its last change in the room. */
  readonly seq: number
  /** The number of its last change that was a join or a leave. */
  readonly membershipSeq: number
  /** When the room was opened, as far as it knows. */
  readonly created: number
}

/** A message from one node to others. */
export type Message =
  /** To all: I am here. `speaks` is the newest version that it understands. */
  | { readonly kind: 'beat'; readonly count: number; readonly speaks: number; readonly totals: Totals }
  /** To all: I am going. */
  | { readonly kind: 'bye' }
  /** To one: I have told my clients that yours are gone. */
  | { readonly kind: 'dropped' }
  /**
   * To a room's hosts: I host it, too; tell me who is with you, unless I know (`known`: the
   * `membershipSeq` of nodes that I know), and the history, if `wantsHistory`.
   */
  | (Position & {
      readonly kind: 'hello'
      readonly members: readonly MemberRecord[]
      readonly known: ReadonlyMap<string, number>
      readonly wantsHistory: boolean
    })
  /** To one: who is with me, which nodes host the room (none if I do not know yet), and the history. */
  | (Position & {
      readonly kind: 'sync'
      readonly room: string
      readonly hosts: readonly string[]
      readonly members: readonly MemberRecord[]
      readonly history: readonly HistoryEntry[]
    })
  /** To one: I am not sure who is with you. */
  | { readonly kind: 'need'; readonly room: string }
  /** To one: I do not host it, and all changes of mine up to that number are over. */
  | { readonly kind: 'absent'; readonly room: string; readonly seq: number }
  /** To a room's hosts: what happened in one turn. `prevMembershipSeq` is the number of the last join or leave before. */
  | {
      readonly kind: 'batch'
      readonly first: number
      readonly prevMembershipSeq: number
      readonly changes: readonly Change[]
    }
  /** To a room's hosts: I am still here. */
  | (Position & { readonly kind: 'beacon' })
  /** To a room's hosts: my last member has left. */
  | { readonly kind: 'gone'; readonly seq: number }
  /** To a room's hosts: the room of that age has expired. */
  | { readonly kind: 'expire'; readonly created: number }
