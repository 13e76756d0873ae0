import { execFileSync } from 'node:child_process'
import { onTestFinished } from 'vitest'

/** Another machine, as far as the kernel is concerned: a network namespace at the other end of a cable. */
export interface Machine {
  /** This machine's address on the cable. */
  readonly host: string
  /** What to put before a command to run it there. */
  readonly enter: readonly string[]
}

/** Only root makes namespaces; CI of the public runs as a user that needs no password for it. */
const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']

function run(...command: string[]): void {
  const [program = '', ...args] = [...asRoot, ...command]
  execFileSync(program, args, { stdio: 'pipe' })
}

const ip = (...args: string[]): void => run('ip', ...args)

/** Whether machines can be made. */
export function hasEthernet(): boolean {
  const name = `baton-try-${process.pid}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    run('tc', 'qdisc', 'show', 'dev', 'lo')
    return true
  } catch {
    return false
  }
}

let made = 0

/**
 * Makes a machine for one test, at the end of a cable with segments of 1,500 bytes.
 *
 * @param rate Of the cable, as `tc` has it.
 */
export function plugIn(rate: string): Machine {
  const name = `baton-${process.pid}-${++made}`
  const [here, there] = [`ba${process.pid}-${made}`, `bb${process.pid}-${made}`]
  // A network of its own in 10.64.0.0/10, for tests that run at the same time.
  const network = `10.${64 + (process.pid % 64)}.${(process.pid >> 6) % 256}`
  const [host, peer] = [`${network}.${4 * made + 1}`, `${network}.${4 * made + 2}`]
  ip('netns', 'add', name)
  onTestFinished(() => ip('netns', 'del', name))
  ip('link', 'add', here, 'mtu', '1500', 'type', 'veth', 'peer', 'name', there, 'mtu', '1500', 'netns', name)
  ip('addr', 'add', `${host}/30`, 'dev', here)
  ip('link', 'set', here, 'up')
  ip('-n', name, 'addr', 'add', `${peer}/30`, 'dev', there)
  ip('-n', name, 'link', 'set', there, 'up')
  // No loss: what the kernel drops here itself it counts as a dead connection.
  const shape = ['tbf', 'rate', rate, 'burst', '256k', 'limit', '500mb']
  run('tc', 'qdisc', 'add', 'dev', here, 'root', ...shape)
  return { host, enter: [...asRoot, 'ip', 'netns', 'exec', name] }
}
