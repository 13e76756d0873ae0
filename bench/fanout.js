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
  const room = new Room({ name: 'opaque' }, 'room', { note() {} }, new Counters())
  const session = { write() {} }
  for (let i = 0; i < MEMBERS; i++) room.add(new Member(session, room, String(i)))
  return room
}

/** Nanoseconds for each delivery of batches of so many frames, each from another member. */
function measure(room, frames) {
  const frame = Buffer.alloc(200)
  const start = process.cpuUsage()
  for (let batch = 0; batch < BATCHES; batch++) {
    for (let i = 0; i < frames; i++) room.publish(frame, room.members[i])
    room.flush()
  }
  const { user, system } = process.cpuUsage(start)
  return ((user + system) * 1000) / (BATCHES * frames * (MEMBERS - 1))
}

const rooms = await Promise.all(process.argv.slice(2).map(load))
for (const frames of [1, 8]) {
  const times = rooms.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, room] of rooms.entries()) times[i].push(measure(room, frames))
  }
  const medians = times.map((each) => each.slice(WARMUP).sort((a, b) => a - b)[(ROUNDS - WARMUP) >> 1])
  const texts = medians.map((ns) => `${ns.toFixed(2)} ns`)
  console.log(
    `${frames} frames a batch: ${texts.join(', ')} a delivery; ratio ${(medians.at(-1) / medians[0]).toFixed(3)}`,
  )
}
