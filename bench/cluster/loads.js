/** Loads that only a cluster needs. */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, request } from '../client.js'
import { CpuWatch } from '../cpu.js'
import { dialects, stampOffset } from '../dialects.js'
import { Histogram } from '../histogram.js'

/** The relay's MAX_TOPICS: so many rooms have one connection, and connections cost next to nothing here. */
const TOPICS = 100
/** For nodes to have told each other all they have to, in milliseconds. */
const SETTLE = 10_000

/** A client of a hundred rooms. */
const subscriber = {
  ...dialects['y-webrtc'],
  join: (block) => {
    const topics = Array.from({ length: TOPICS }, (_, index) => `r${block}-${index}`)
    return [JSON.stringify({ type: 'subscribe', topics })]
  },
}

/** CPU over a span, or a share of it, of nodes with many rooms in which nobody speaks, each with a member on two of the nodes. */
export async function idleRooms({ ports, pid, broker, rooms, span, share = 1 }) {
  const line = { dialect: subscriber, stampOffset: stampOffset('y-webrtc'), onMessage() {} }
  for (let block = 0; block < rooms / TOPICS; block++) {
    for (const offset of [0, 1]) {
      const client = new Client({ ...line, port: ports[(block + offset) % ports.length] }, block, block)
      await client.ready
    }
  }
  await sleep(SETTLE)
  const health = await (await fetch(`http://127.0.0.1:${ports[0]}/health`)).json()
  if (health.cluster && health.cluster.rooms !== rooms) {
    throw new Error(`the cluster counts ${health.cluster.rooms} rooms and not ${rooms}`)
  }
  const watch = new CpuWatch(pid, broker)
  await sleep(span * share)
  const { cpu, broker: brokerCpu, seconds } = watch.read()
  return { nodeShare: (cpu / seconds / ports.length) * 100, brokerShare: (brokerCpu / seconds) * 100 }
}

/** How long a client waits for its welcome, one client after another. `other`: a member is on another node already. */
export async function welcomes({ ports: [port, otherPort], joins, other = false, again = false }) {
  const histogram = new Histogram()
  for (let join = 0; join < joins; join++) {
    const room = `w${join}`
    const before = other || again ? [await welcome(other ? otherPort : port, room)] : []
    const { socket, microseconds } = await welcome(port, room)
    histogram.record(microseconds)
    for (const { socket: each } of before) each.destroy()
    socket.destroy()
  }
  return { p50: histogram.quantile(0.5), p99: histogram.quantile(0.99) }
}

function welcome(port, room) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let start
    let text = ''
    socket.once('connect', () => {
      start = performance.now()
      socket.write(request(`/room/${room}`, port))
    })
    socket.on('data', (data) => {
      text += data.toString('latin1')
      if (text.includes('"type":"connected"')) resolve({ socket, microseconds: (performance.now() - start) * 1000 })
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed before the welcome')))
  })
}
