/**
 * `node bench/scrape.js [CONNECTIONS]`: what a scrape of /metrics costs a relay with so many WebSockets open, 10,000
 * if it is not said, in rooms of 5. The relay lives in this process, so that its CPU can be told; the clients and the
 * scraper in another.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { gather } from './crowd.js'

const MEMBERS = 5
const SCRAPES = 100

/** The other process: connects the clients, then scrapes whenever it is told to. */
async function scraper() {
  const [{ port, connections }] = await once(process, 'message')
  await gather({ port, dialect: 'opaque', rooms: connections / MEMBERS, members: MEMBERS }, () => {})
  let size = 0
  process.on('message', async () => {
    for (let i = 0; i < SCRAPES; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`)
      size = (await response.text()).length
    }
    process.send({ size })
  })
  process.send('ready')
}

async function relay(connections) {
  const { Relay } = await import('../dist/index.js')
  // No pings while it is measured.
  const relay = new Relay({ port: 0, host: '127.0.0.1', logLevel: 'silent', heartbeatInterval: 0 })
  const { port } = await relay.listen()
  const child = fork(fileURLToPath(import.meta.url), ['--scraper'])
  child.send({ port, connections })
  await once(child, 'message')
  console.log(`${relay.stats().currentConnections} connections`)
  for (let round = 0; round < 5; round++) {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    const start = process.cpuUsage()
    delay.enable()
    child.send('scrape')
    const [{ size }] = await once(child, 'message')
    const { user, system } = process.cpuUsage(start)
    const cpu = (user + system) / 1000 / SCRAPES
    const longest = delay.max / 1e6
    console.log(
      `${SCRAPES} scrapes of ${size} bytes: ${cpu.toFixed(2)} ms CPU each, ${longest.toFixed(1)} ms longest turn`,
    )
  }
  child.kill()
  await relay.close({ drain: 0 })
}

if (process.argv[2] === '--scraper') await scraper()
else await relay(Number(process.argv[2] ?? 10_000))
