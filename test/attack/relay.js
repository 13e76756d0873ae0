// The relay that is attacked, in a process of its own. Options come as JSON in the first argument; it
// reports its port, and whenever it is asked its memory, and how long it made others wait since it was last asked.
import { Relay } from '../../dist/index.js'
import { Stalls } from './stalls.js'

const relay = new Relay({
  port: 0,
  host: '127.0.0.1',
  environment: 'production',
  ...JSON.parse(process.argv[2] ?? '{}'),
})
const { port } = await relay.listen()
const stalls = new Stalls()

let peak = 0
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 100).unref()

process.on('message', () => {
  const wait = stalls.take()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const { currentConnections } = relay.stats()
  process.send?.({ ...wait, peak, used: heapUsed + arrayBuffers, currentConnections })
  peak = 0
  stalls.take()
})
process.on('disconnect', () => process.exit())
process.send?.({ port })
