/**
 * `node bench/idle.js [SECONDS] [FILE]`: the CPU of a relay with which nobody is connected, in a process of its own,
 * next to a bare HTTP server: the median of windows of 10 seconds, and all of them. FILE is another build's `dist/index.js` to compare with.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Seconds of which one after the other is measured. */
const WINDOW = 10

/** Until the compiler and the garbage of the start are done. */
const SETTLE = 3000

const options = { port: 0, host: '127.0.0.1', logLevel: 'silent' }

async function listen(Relay, given = {}) {
  const relay = new Relay({ ...options, ...given })
  await relay.listen()
  return relay
}

/** What an idle process may be. */
const scenes = {
  'bare HTTP server': async () => createServer(() => {}).listen(0),
  'a relay that was made': async (Relay) => new Relay(options),
  'a relay that listens': async (Relay) => listen(Relay),
  '... and was scraped': async (Relay) => (await listen(Relay)).metrics(),
  '... and has a dashboard': async (Relay) => {
    await (await listen(Relay, { adminToken: 'sixteen letters.' })).metrics()
  },
}

async function beIdle(name, file, seconds) {
  const { Relay } = await import(file)
  await scenes[name](Relay)
  await sleep(SETTLE)
  const windows = []
  for (let passed = 0; passed < seconds; passed += WINDOW) {
    const before = process.cpuUsage()
    await sleep(WINDOW * 1000)
    const { user, system } = process.cpuUsage(before)
    windows.push((user + system) / 1e4 / WINDOW)
  }
  process.send(windows.sort((a, b) => a - b))
}

async function measure(name, file, seconds) {
  const child = fork(fileURLToPath(import.meta.url), ['--idle', name, file, String(seconds)])
  const [windows] = await once(child, 'message')
  child.kill()
  return windows
}

const [first, ...rest] = process.argv.slice(2)
if (first === '--idle') await beIdle(rest[0], rest[1], Number(rest[2]))
else {
  const own = new URL('../dist/index.js', import.meta.url).href
  const file = rest[0] ? pathToFileURL(rest[0]).href : own
  const seconds = Number(first ?? 50)
  const names = Object.keys(scenes)
  // Side by side, since they hardly work.
  const all = await Promise.all(names.map((name) => measure(name, file, seconds)))
  for (const [place, name] of names.entries()) {
    const windows = all[place].map((percent) => percent.toFixed(3))
    console.log(`${name.padEnd(24)} ${windows[Math.floor(windows.length / 2)]} % of a core (${windows.join(', ')})`)
  }
}
