import type { Series } from '../../src/admin/updates.js'
import { Ask, ask, notice } from './ask.js'
import { Chart } from './chart.js'
import { connected, state } from './feed.js'
import { byteRate, bytes, count, duration, type Format, milliseconds, rate } from './format.js'
import { RoomDetails, Rooms } from './rooms.js'

interface ChartInfo {
  readonly title: string
  readonly format: Format
  readonly lines: readonly { name: Series; label: string }[]
}

const charts: readonly ChartInfo[] = [
  { title: 'Connections', format: count, lines: [{ name: 'connections', label: 'Open' }] },
  { title: 'Rooms', format: count, lines: [{ name: 'rooms', label: 'Open' }] },
  {
    title: 'Messages',
    format: rate,
    lines: [
      { name: 'messagesIn', label: 'In' },
      { name: 'messagesOut', label: 'Out' },
    ],
  },
  {
    title: 'Bytes',
    format: byteRate,
    lines: [
      { name: 'bytesIn', label: 'In' },
      { name: 'bytesOut', label: 'Out' },
    ],
  },
  {
    title: 'Memory',
    format: bytes,
    lines: [
      { name: 'memory', label: 'Process' },
      { name: 'heap', label: 'Heap' },
    ],
  },
  { title: 'Event-loop lag', format: milliseconds, lines: [{ name: 'lag', label: 'Longest' }] },
]

export function App() {
  return (
    <>
      <header>
        <h1>Baton</h1>
        <Status />
        <button type="button" class="danger" onClick={drain}>
          Drain this node
        </button>
        <form method="post" action="dashboard/sign-out">
          <button type="submit">Sign out</button>
        </form>
      </header>
      <p class="notice" role="status">
        {notice.value}
      </p>
      <main>
        <Cluster />
        <section aria-labelledby="hour">
          <h2 id="hour">The last hour</h2>
          <div class="charts">
            {charts.map((chart) => (
              <Chart key={chart.title} {...chart} />
            ))}
          </div>
        </section>
        <Rooms />
        <RoomDetails />
      </main>
      <Ask />
    </>
  )
}

/** How the relay is; said aloud when it changes. */
function Status() {
  const { status, reasons = [], version, uptime } = state.value ?? {}
  const how = connected.value ? (status ?? '') : 'no connection to the relay'
  return (
    <div class="status">
      <p>
        <strong role="status" class={connected.value ? status : 'lost'}>
          {how}
        </strong>{' '}
        <small>
          {version} · up {duration(uptime)}
        </small>
      </p>
      {reasons.map((reason) => (
        <p key={reason}>{reason}</p>
      ))}
    </div>
  )
}

function Cluster() {
  const cluster = state.value?.cluster
  if (!cluster) return null
  const { nodes, connections, rooms } = cluster
  return (
    <section aria-labelledby="cluster">
      <h2 id="cluster">All nodes</h2>
      <p>
        {nodes === 1 ? '1 node' : `${nodes} nodes`} with {count(connections)} connections and {count(rooms)} rooms. The
        rest of this page is about this node alone.
      </p>
    </section>
  )
}

function drain(): void {
  ask({
    title: 'Drain this node?',
    text: 'It accepts no new connections, closes the open ones step by step, and ends, as on SIGTERM. Its supervisor may start it again.',
    button: 'Drain',
    typed: 'drain',
    action: 'drain',
    form: {},
  })
}
