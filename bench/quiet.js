/** Loads without messages: connections that only stay, and connections that all come at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CpuWatch, residentBytes } from './cpu.js'
import { gather } from './crowd.js'

const COLLECTIONS = 4

/** Memory of a server that has nothing to do, after it has collected its garbage. */
async function settledBytes(pid, pause) {
  await sleep(pause)
  for (let count = 0; count < COLLECTIONS; count++) {
    process.kill(pid, 'SIGUSR2')
    await sleep(pause / 2)
  }
  return residentBytes(pid)
}

/** Memory for each of many connections that say nothing. */
export async function idle(job) {
  const empty = await settledBytes(job.pid, job.pause)
  const clients = await gather(job, () => {})
  const full = await settledBytes(job.pid, job.pause)
  const open = clients.filter((client) => !client.closed).length
  return { memory: (full - empty) / open, empty, connections: open, closed: clients.length - open }
}

/** Many clients that come at once, as after a restart. */
export async function storm(job) {
  const watch = new CpuWatch(job.pid)
  const clients = await gather(job, () => {})
  const { cpu, seconds, shares } = watch.read()
  return {
    accepted: clients.length / seconds,
    cpuAccept: (cpu / clients.length) * 1e6,
    ...shares,
    closed: clients.filter((client) => client.closed).length,
  }
}
