/** What nodes say to each other. */

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

/** What a node says of itself with each beat. */
export interface Totals {
  readonly connections: number
  /** Rooms that are counted by this node: those of which it has the smallest id among their hosts. */
  readonly rooms: number
  /** Those of them that are topics of `pluresdb`. */
  readonly topics: number
  /** Members of such topics that are connected to this node. */
  readonly peers: number
}

/** One change in a room, in the order in which it happened. */
export type Change =
  | { readonly what: 'data'; readonly frame: Buffer }
  | { readonly what: 'join'; readonly who: MemberRecord }
  | { readonly what: 'leave'; readonly key: string }

/** Where a node stands in one room. */
export interface Position {
  /** The number of its last change in the room. */
  readonly s: number
  /** The number of its last change that was a join or a leave. */
  readonly v: number
  /** When the room was opened, as far as it knows. */
  readonly created: number
}

/** What a node may say. */
export type Message =
  /** To all: I live. `speaks` is the newest version that it understands. */
  | { readonly kind: 'beat'; readonly count: number; readonly speaks: number; readonly totals: Totals }
  /** To all: I am going. */
  | { readonly kind: 'bye' }
  /** To one: I have told my clients that yours are gone. */
  | { readonly kind: 'dropped' }
  /**
   * To a room's hosts: I host it, too; tell me who is with you, unless I know (`have`: versions by node),
   * and what was said, if I am `curious`.
   */
  | (Position & {
      readonly kind: 'hello'
      readonly members: readonly MemberRecord[]
      readonly have: ReadonlyMap<string, number>
      readonly curious: boolean
    })
  /** To one: who is with me, which nodes host the room (none if I do not know yet), and what was said. */
  | (Position & {
      readonly kind: 'sync'
      readonly room: string
      readonly hosts: readonly string[]
      readonly members: readonly MemberRecord[]
      readonly history: readonly HistoryEntry[]
    })
  /** To one: I am not sure who is with you. */
  | { readonly kind: 'need'; readonly room: string }
  /** To one: I do not host it, and whatever I said of it up to that number is past. */
  | { readonly kind: 'absent'; readonly room: string; readonly s: number }
  /** To a room's hosts: what happened in one turn. `pv` is the version before the first change. */
  | { readonly kind: 'batch'; readonly first: number; readonly pv: number; readonly changes: readonly Change[] }
  /** To a room's hosts: I am still here. */
  | (Position & { readonly kind: 'beacon' })
  /** To a room's hosts: my last member has left. */
  | { readonly kind: 'gone'; readonly s: number }
  /** To a room's hosts: the room of that age has expired. */
  | { readonly kind: 'expire'; readonly created: number }
