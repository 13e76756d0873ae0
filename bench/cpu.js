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

const sum = (values) => values.reduce((total, value) => total + value, 0)

/** A stopwatch for the CPU of servers, of a broker between them, of this process, which loads them, and of whatever else is running. */
export class CpuWatch {
  #servers
  #broker
  #start

  /**
   * @param servers The process of the server, or of several that are counted together.
   * @param broker The process that joins them, if there is one.
   */
  constructor(servers, broker) {
    this.#servers = [servers].flat()
    this.#broker = broker
    this.#start = this.#now()
  }

  /** Seconds of the clock, and of the servers' and the broker's CPU since the start, and everybody's share of one core. */
  read() {
    const now = this.#now()
    const [seconds, user, kernel, broker, worker, machine] = now.map((value, index) => value - this.#start[index])
    const server = user + kernel
    return {
      seconds,
      cpu: server,
      broker,
      shares: {
        serverShare: server / seconds,
        /** Of the server's CPU, not of a core. */
        kernelShare: kernel / server,
        workerShare: worker / seconds,
        othersShare: Math.max(0, machine - server - broker - worker) / seconds,
      },
    }
  }

  #now() {
    const servers = this.#servers.map(cpuSeconds)
    const [user, system] = [sum(servers.map((each) => each.user)), sum(servers.map((each) => each.system))]
    const [broker, worker] = [this.#broker, process.pid].map((pid) => {
      const used = pid === undefined ? { user: 0, system: 0 } : cpuSeconds(pid)
      return used.user + used.system
    })
    return [performance.now() / 1000, user, system, broker, worker, machineSeconds()]
  }
}
