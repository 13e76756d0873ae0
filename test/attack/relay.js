// The relay that is attacked, in a process of its own. Options come as JSON in the first argument; it
// reports its port, and whenever it is asked its memory and who was turned away, by name.
import { Relay } from '../../dist/index.js'

const relay = new Relay({
  port: 0,
  host: '127.0.0.1',
  environment: 'production',
  ...JSON.parse(process.argv[2] ?? '{}'),
})
/** @type {Record<string, number>} */
const turnedAway = {}
relay.on('limit', ({ limit }) => {
  turnedAway[limit] = (turnedAway[limit] ?? 0) + 1
})
const { port } = await relay.listen()

let peak = 0
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 100).unref()

process.on('message', () => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const { currentConnections } = relay.stats()
  process.send?.({ turnedAway, peak, used: heapUsed + arrayBuffers, currentConnections })
  peak = 0
})
process.on('disconnect', () => process.exit())
process.send?.({ port })
