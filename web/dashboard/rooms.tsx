import { useEffect, useRef } from 'preact/hooks'
import type { MemberOrder, MemberRow, OpenRoom, RoomOrder, RoomRow } from '../../src/admin/updates.js'
import { ask } from './ask.js'
import { look, lookAway, now, room, rooms, view } from './feed.js'
import { byteRate, bytes, count, duration, rate } from './format.js'
import { type Column, Table } from './table.js'

const roomColumns: readonly Column<RoomRow, RoomOrder>[] = [
  {
    title: 'Room',
    head: true,
    cell: ({ key, name }) => (
      <button type="button" class="name" aria-pressed={key === view.value.room} onClick={() => look({ room: key })}>
        {name}
      </button>
    ),
  },
  { title: 'Dialect', cell: ({ dialect }) => dialect },
  { title: 'Members', orders: ['members'], cell: ({ members }) => count(members) },
  { title: 'Messages', orders: ['messages'], cell: ({ messages }) => rate(messages) },
  { title: 'Bytes', orders: ['bytes'], cell: (row) => byteRate(row.bytes) },
  { title: 'Age', orders: ['oldest', 'newest'], cell: ({ age }) => duration(age) },
]

/** The first rooms by size, traffic or age. */
export function Rooms() {
  const rows = rooms.value
  const all = now.value?.rooms ?? 0
  return (
    <section aria-labelledby="rooms">
      <h2 id="rooms">Rooms</h2>
      {rows === undefined || rows.length === 0 ? (
        <p>{rows === undefined ? 'Waiting for the relay.' : 'No room is open.'}</p>
      ) : (
        <Table
          caption={`The first ${rows.length} of ${count(Math.max(all, rows.length))} rooms`}
          columns={roomColumns}
          rows={rows}
          keyOf={({ key }) => key}
          order={view.value.order}
          onOrder={(order) => look({ order })}
        />
      )}
      {all > (rows?.length ?? 0) && (
        <p class="hint">
          The first {rows?.length} of {count(all)}.
        </p>
      )}
    </section>
  )
}

const memberColumns: readonly Column<MemberRow, MemberOrder>[] = [
  {
    title: 'Member',
    head: true,
    cell: ({ id, names }) => (
      <>
        <code>{id}</code> {names.join(' · ')}
      </>
    ),
  },
  { title: 'Dialect', cell: ({ dialect }) => dialect },
  { title: 'Address', cell: ({ address }) => address },
  { title: 'Age', orders: ['oldest', 'newest'], cell: ({ age }) => duration(age) },
  { title: 'Messages', orders: ['messages'], cell: ({ messages }) => rate(messages) },
  { title: 'From it', orders: ['received'], cell: ({ received }) => byteRate(received) },
  { title: 'To it', orders: ['sent'], cell: ({ sent }) => byteRate(sent) },
  { title: 'Backlog', orders: ['backlog'], cell: ({ backlog }) => bytes(backlog) },
  { title: 'Action', cell: ({ id }) => <Disconnect id={id} /> },
]

function Disconnect({ id }: { id: string }) {
  const disconnect = (): void =>
    ask({
      title: 'Disconnect this member?',
      text: `The connection ${id} is closed, and leaves all its rooms. Its client may come back.`,
      button: 'Disconnect',
      action: 'disconnect',
      form: { room: view.value.room ?? '', member: id },
    })
  return (
    <button type="button" aria-label={`Disconnect ${id}`} onClick={disconnect}>
      Disconnect
    </button>
  )
}

/** The room that is looked into. */
export function RoomDetails() {
  const heading = useRef<HTMLHeadingElement>(null)
  const { room: key } = view.value
  const open = room.value
  useEffect(() => heading.current?.focus(), [key])
  if (key === undefined) return null
  return (
    <section class="room" aria-labelledby="room">
      <h2 id="room" tabIndex={-1} ref={heading}>
        Room <span class="name">{open?.name}</span>
      </h2>
      {open ? <Members open={open} /> : <p>{open === null ? 'This room is gone.' : 'Waiting for the relay.'}</p>}
      <p class="buttons">
        <button type="button" onClick={lookAway}>
          Back to the rooms
        </button>
        {open && (
          <button type="button" class="danger" onClick={() => closeRoom(open)}>
            Close the room
          </button>
        )}
      </p>
    </section>
  )
}

function Members({ open }: { open: OpenRoom }) {
  const { dialect, members, messages, age, list } = open
  return (
    <>
      <p>
        {dialect}, {count(members)} {members === 1 ? 'member' : 'members'}, {rate(messages)} messages,{' '}
        {byteRate(open.bytes)}, {duration(age)} old
      </p>
      <Table
        caption={`The first ${list.length} of ${count(members)} members`}
        columns={memberColumns}
        rows={list}
        keyOf={({ id }) => id}
        order={view.value.memberOrder}
        onOrder={(memberOrder) => look({ memberOrder })}
      />
      {members > list.length && (
        <p class="hint">
          The first {list.length} of {count(members)}.
        </p>
      )}
    </>
  )
}

function closeRoom({ key, members }: OpenRoom): void {
  ask({
    title: 'Close this room?',
    text: `All ${members} members on this node are disconnected. Their clients may come back, and open it anew.`,
    button: 'Close the room',
    action: 'close-room',
    form: { room: key },
  })
}
