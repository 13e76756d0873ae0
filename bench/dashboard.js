/**
 * `node bench/dashboard.js [ROOMS]`: what the dashboard's look at the rooms costs a relay once a second while somebody
 * looks, with so many rooms of 2 members, 100,000 if it is not said; and what the hour of history costs.
 */

import { RoomInspector } from '../dist/admin/room-inspector.js'
import { Sampler } from '../dist/admin/sampler.js'
import { RelayContext } from '../dist/core/context.js'
import { Session } from '../dist/core/session.js'
import { opaque } from '../dist/dialects/opaque.js'
import { RoomNameHasher } from '../dist/observability/room-names.js'
import { parseOptions } from '../dist/options/index.js'

const ROOMS = Number(process.argv[2] ?? 100_000)
const ROUNDS = 50

const observer = new Proxy({}, { get: () => () => {} })
const hub = new RelayContext({ ...parseOptions({}), joinTimeout: 0, maxRooms: 0, maxRoomMembers: 0 }, observer)
const port = { address: '192.0.2.1', write() {}, close() {}, measure: () => ({ received: 1, sent: 1, backlog: 0 }) }
const hello = { path: '/raw/x', query: new URLSearchParams(), headers: {} }

/** Connects somebody. */
function join(name, id) {
  const session = new Session(hub, port, id, hello)
  session.open(() => ({ kind: opaque, receive() {} }))
  session.join(opaque, name, { id })
}

/** Milliseconds of CPU. */
function median(act, prepare = () => {}) {
  const times = Array.from({ length: ROUNDS }, () => {
    prepare()
    const { user, system } = process.cpuUsage()
    act()
    const { user: laterUser, system: laterSystem } = process.cpuUsage()
    return (laterUser + laterSystem - user - system) / 1000
  })
  return times.sort((a, b) => a - b)[ROUNDS >> 1]
}

for (let i = 0; i < 2 * ROOMS; i++) join(`room${i >> 1}`, `c${i}`)
for (let i = 0; i < 10_000; i++) join('large', `l${i}`)
const watch = new RoomInspector(hub.rooms, new RoomNameHasher({ logRoomNames: false, logKey: '' }))
const publish = () => {
  for (const room of hub.rooms) room.frames = Math.floor(Math.random() * 100)
}
const look = (...views) => median(() => watch.look(views), publish)
const view = { order: 'messages', memberOrder: 'backlog', room: undefined }
console.log(`${hub.rooms.size} rooms, one order: ${look(view)} ms CPU a look`)
const all = ['members', 'messages', 'bytes', 'oldest', 'newest'].map((order) => ({ ...view, order }))
console.log(`all five orders: ${look(...all)} ms`)
watch.look([{ ...view, order: 'members' }])
const [large] = watch.rooms('members')
console.log(`looking into a room of ${large.members}: ${look({ ...view, room: large.key })} ms`)
const sampler = new Sampler(hub)
console.log(`a sample for the history: ${median(() => Array.from({ length: 100 }, () => sampler.take())) / 100} ms`)
sampler.stop()
