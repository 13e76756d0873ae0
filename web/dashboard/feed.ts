import { signal } from '@preact/signals'
import {
  type MemberOrder,
  type OpenRoom,
  type RoomOrder,
  type RoomRow,
  type Sample,
  type Samples,
  type Series,
  type State,
  series,
  type Update,
} from '../../src/admin/updates.js'

/** What the relay has told, as it comes in. */
export const state = signal<State>()
export const now = signal<Sample>()
const none: Samples = { time: [], ...columns(() => []) }
export const samples = signal(none)
export const rooms = signal<readonly RoomRow[]>()
/** Null if the room that is looked into is gone. */
export const room = signal<OpenRoom | null>()

/** Whether updates come. */
export const connected = signal(false)

/** What is looked at. */
export const view = signal<{ order: RoomOrder; memberOrder: MemberOrder; room: string | undefined }>({
  order: 'members',
  memberOrder: 'backlog',
  room: undefined,
})

const HOUR = 3_600_000
const RETRY = 3000

let source: EventSource | undefined
/** Takes over from `source` with its first message, so that the relay need not begin anew between the two. */
let next: EventSource | undefined

/** Follows the relay as long as the page is in sight. */
export function follow(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) leave()
    else open()
  })
  if (!document.hidden) open()
}

/** Looks at something else. */
export function look(at: Partial<typeof view.value>): void {
  view.value = { ...view.value, ...at }
  if (at.room !== undefined && room.value?.key !== at.room) room.value = undefined
  open()
}

/** Looks into no room any more. */
export function lookAway(): void {
  look({ room: undefined })
  room.value = undefined
}

function open(): void {
  next?.close()
  const { order, memberOrder, room: key } = view.value
  const query = new URLSearchParams({ order, memberOrder, after: String(samples.value.time.at(-1) ?? 0) })
  if (key !== undefined) query.set('room', key)
  const stream = new EventSource(`dashboard/events?${query}`)
  next = stream
  stream.onmessage = ({ data }) => {
    if (stream === next) {
      source?.close()
      source = stream
      next = undefined
    }
    take(JSON.parse(data) as Update)
  }
  stream.onerror = () => {
    connected.value = false
    // Otherwise the browser tries again by itself.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => void retry(stream), RETRY)
  }
}

function leave(): void {
  source?.close()
  next?.close()
  source = next = undefined
  connected.value = false
}

/** Finds out why there is no stream. A visitor whose session has ended signs in again. */
async function retry(stream: EventSource): Promise<void> {
  if (stream !== source && stream !== next) return
  const abort = new AbortController()
  const status = await fetch('dashboard/events', { signal: abort.signal }).then(
    (answer) => answer.status,
    () => undefined,
  )
  abort.abort()
  if (status === 401) location.reload()
  else open()
}

function take(update: Update): void {
  connected.value = true
  state.value = update.state
  if (update.now) now.value = update.now
  if (update.samples) append(update.samples)
  if (update.rooms) rooms.value = update.rooms
  if (update.room !== undefined && view.value.room !== undefined) room.value = update.room
}

/** Adds what is new, and forgets what is older than an hour. */
function append(more: Samples): void {
  // The relay's clock was set back: what is here would seem to be still to come.
  const isOld = (more.time.at(-1) ?? 0) < (samples.value.time.at(-1) ?? 0)
  const old = isOld ? none : samples.value
  const latest = old.time.at(-1) ?? 0
  const fresh = more.time.findIndex((time) => time > latest)
  if (fresh < 0) return
  const oldest = (more.time.at(-1) ?? 0) - HOUR
  const kept = old.time.findIndex((time) => time >= oldest)
  const join = <T>(before: readonly T[], after: readonly T[]): T[] => [
    ...(kept < 0 ? [] : before.slice(kept)),
    ...after.slice(fresh),
  ]
  samples.value = { time: join(old.time, more.time), ...columns((name) => join(old[name], more[name])) }
}

function columns(make: (name: Series) => (number | null)[]): Omit<Samples, 'time'> {
  return Object.fromEntries(series.map((name) => [name, make(name)])) as Record<Series, (number | null)[]>
}
