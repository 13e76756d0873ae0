import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

/** A program of util-linux by which the system itself ends a child when its parent is gone. */
const SETPRIV = '/usr/bin/setpriv'

/** Starts a child that does not outlive this process, even if that is killed in the middle of a test. */
export function spawnBound(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  if (!existsSync(SETPRIV)) return spawn(command, args, options)
  return spawn(SETPRIV, ['--pdeathsig', 'KILL', '--', command, ...args], options)
}
