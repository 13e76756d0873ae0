/**
 * The fan-out by itself, without sockets: a room of 100 whose members take their frames and do nothing. What
 * the way of a message costs beside the kernel, to compare builds: `node bench/fanout.js DIST [DIST]`, each the
 * `dist/` of a build, in turn.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const MEMBERS = 100
const ROUNDS = 26
/** Rounds in which the code is compiled. */
const WARMUP = 5
const BATCHES = 4000

async function load(dist) {
  const part = async (name) => await import(pathToFileURL(resolve(dist, 'core', name)).href)
  const [{ Room, Member }, { Counters }] = [await part('room.js'), await part('counters.js')]
  const { Ticker } = await part('ticker.js')
  const [ticker, counters] = [new Ticker(), new Counters()]
  const rooms = ['one', 'other'].map((name) => new Room({ name: 'y-webrtc', several: true }, name, ticker, counters))
  const sessions = Array.from({ length: MEMBERS }, () => ({ write() {} }))
  for (const room of rooms)
    for (const [i, session] of sessions.entries()) room.add(new Member(session, room, String(i)))
  // Before rooms were flushed together, a sender that turned to another flushed the one that it left.
  const { FlushGroup } = await part('flush-group.js').catch(() => ({}))
  const turn = FlushGroup ? (from, to) => FlushGroup.unite(from, to) : (from) => from.flush()
  return { rooms, turn }
}

const frame = Buffer.alloc(200)

/** Batches of so many frames, each from another member. */
function oneRoom({ rooms: [room] }, frames) {
  for (let i = 0; i < frames; i++) room.publish(frame, room.members[i])
  room.flush()
}

/** Batches of so many frames of a sender that turns from one room to the other with each. */
function byTurns({ rooms, turn }, frames) {
  for (let i = 0; i < frames; i++) {
    if (i > 0) turn(rooms[(i + 1) % 2], rooms[i % 2])
    rooms[i % 2].publish(frame)
  }
  for (const room of rooms) room.flush()
}

/** Nanoseconds for each delivery. */
function measure(send, build, frames) {
  const start = process.cpuUsage()
  for (let batch = 0; batch < BATCHES; batch++) send(build, frames)
  const { user, system } = process.cpuUsage(start)
  return ((user + system) * 1000) / (BATCHES * frames * (MEMBERS - 1))
}

const builds = await Promise.all(process.argv.slice(2).map(load))
const cases = [
  ['one room', oneRoom, 1],
  ['one room', oneRoom, 8],
  ['two rooms by turns', byTurns, 8],
]
for (const [name, send, frames] of cases) {
  const times = builds.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, build] of builds.entries()) times[i].push(measure(send, build, frames))
  }
  const medians = times.map((each) => each.slice(WARMUP).sort((a, b) => a - b)[(ROUNDS - WARMUP) >> 1])
  const texts = medians.map((ns) => `${ns.toFixed(2)} ns`)
  const ratio = (medians.at(-1) / medians[0]).toFixed(3)
  console.log(`${name}, ${frames} frames a batch: ${texts.join(', ')} a delivery; ratio ${ratio}`)
}
