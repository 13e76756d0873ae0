/** What the relay sends to an open dashboard. The page imports this file, too. */

/** What is charted. Rates are by the second, `lag` is in milliseconds. */
export const series = [
  'connections',
  'rooms',
  'messagesIn',
  'messagesOut',
  'bytesIn',
  'bytesOut',
  'memory',
  'heap',
  'lag',
] as const

export type Series = (typeof series)[number]

/** A moment; null is what could not be measured. */
export type Sample = Readonly<Record<Series, number | null>>

/** Moments, in columns from the oldest to the newest. */
export type Samples = Readonly<Record<Series, readonly (number | null)[]>> & {
  /** Milliseconds since 1970. */
  readonly time: readonly number[]
}

/** The orders in which rooms are listed. */
export const roomOrders = ['members', 'messages', 'bytes', 'oldest', 'newest'] as const
export type RoomOrder = (typeof roomOrders)[number]

/** The orders in which the members of a room are listed. */
export const memberOrders = ['backlog', 'messages', 'received', 'sent', 'oldest', 'newest'] as const
export type MemberOrder = (typeof memberOrders)[number]

/** A room on this node. */
export interface RoomRow {
  /** Stands for the room as long as it is open. */
  readonly key: string
  /** A hash, unless `LOG_ROOM_NAMES` is set. */
  readonly name: string
  readonly dialect: string
  /** On this node. */
  readonly members: number
  /** By the second; null as long as that is not known. */
  readonly messages: number | null
  readonly bytes: number | null
  /** Seconds. */
  readonly age: number
}

/** A connection in a room. */
export interface MemberRow {
  readonly id: string
  readonly dialect: string
  readonly address: string
  /** Only with `LOG_ROOM_NAMES`: the id that the others see, its nickname and its user. */
  readonly names: readonly string[]
  /** Seconds. */
  readonly age: number
  /** Of the whole connection, by the second; null as long as that is not known. */
  readonly messages: number | null
  readonly received: number | null
  readonly sent: number | null
  /** Bytes that wait for it. */
  readonly backlog: number
}

/** The room that is shown with its members. */
export interface OpenRoom extends RoomRow {
  /** The first of them in the order asked for. */
  readonly list: readonly MemberRow[]
}

/** How the relay is. */
export interface State {
  readonly version: string
  readonly status: 'healthy' | 'degraded' | 'starting' | 'draining'
  readonly reasons: readonly string[]
  /** Seconds. */
  readonly uptime: number
  /** All nodes together, if there are several. */
  readonly cluster: { readonly nodes: number; readonly connections: number; readonly rooms: number } | null
}

/** One message of `/dashboard/events`. */
export interface Update {
  readonly state: State
  /** Absent as long as there are no rates. */
  readonly now?: Sample
  /** What was recorded since the last update; absent if nothing was. */
  readonly samples?: Samples
  /** The first rooms in the order asked for; absent until they have been ranked by it. */
  readonly rooms?: readonly RoomRow[]
  /** Absent if no room is open in the dashboard, null if the room is gone. */
  readonly room?: OpenRoom | null
}
