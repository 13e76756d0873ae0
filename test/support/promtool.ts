import { spawnSync } from 'node:child_process'
import { describeWith, hasCommand } from './needs.js'

/** Runs `promtool`, of Prometheus; says what it printed, and whether it found all well. */
export function promtool(args: string[], input = ''): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if (error) throw error
  return { ok: status === 0, output: stdout + stderr }
}

/** Describes what needs `promtool`, of Debian's package `prometheus`. */
export function describeWithPromtool(what: string, tests: () => void): void {
  describeWith('promtool', hasCommand('promtool'), what, tests)
}
