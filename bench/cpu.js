/** What the operating system says a process has used. Linux only. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const TICKS_A_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** Seconds of CPU of a process so far, all of its threads: in its own code, and in the kernel on its behalf. */
function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field is a name that may hold spaces; it ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user, system] = [fields[11], fields[12]].map((ticks) => Number(ticks) / TICKS_A_SECOND)
  return { user, system }
}

/** Bytes of memory of a process that are resident. */
export function residentBytes(pid) {
  const [, kibibytes] = /^Rss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))
  return Number(kibibytes) * 1024
}

/** Seconds of CPU that all processes together have used, over all cores. */
function machineSeconds() {
  const [, user, nice, system, , , interrupts, softInterrupts, steal] = readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)[0]
    .split(/\s+/)
    .map(Number)
  return (user + nice + system + interrupts + softInterrupts + steal) / TICKS_A_SECOND
}

/** A stopwatch for the CPU of a server, of this process, which loads it, and of whatever else is running. */
export class CpuWatch {
  #server
  #start

  constructor(server) {
    this.#server = server
    this.#start = this.#now()
  }

  /** Seconds of the clock and of the server's CPU since the start, and everybody's share of one core. */
  read() {
    const now = this.#now()
    const [seconds, user, kernel, worker, machine] = now.map((value, index) => value - this.#start[index])
    const server = user + kernel
    return {
      seconds,
      cpu: server,
      shares: {
        serverShare: server / seconds,
        /** Of the server's CPU, not of a core. */
        kernelShare: kernel / server,
        workerShare: worker / seconds,
        othersShare: Math.max(0, machine - server - worker) / seconds,
      },
    }
  }

  #now() {
    const server = cpuSeconds(this.#server)
    const worker = cpuSeconds(process.pid)
    return [performance.now() / 1000, server.user, server.system, worker.user + worker.system, machineSeconds()]
  }
}
