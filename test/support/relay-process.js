// A relay in a process of its own, for tests that measure its memory. Options come as JSON in the first
// argument; it reports its port, and its memory and state whenever it is asked.
import { setTimeout as sleep } from 'node:timers/promises'
import { Relay } from '../../dist/index.js'

const relay = new Relay({ port: 0, host: '127.0.0.1', logLevel: 'silent', ...JSON.parse(process.argv[2] ?? '{}') })
const { port } = await relay.listen()

process.on('message', async () => {
  // Twice, with a pause: what the first round finalises the second frees.
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.()
    await sleep(50)
  }
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  const peakRss = process.resourceUsage().maxRSS * 1024
  process.send?.({ rss, peakRss, heapUsed, arrayBuffers, stats: relay.stats() })
})
process.on('disconnect', () => process.exit())
process.send?.({ port })
