import { spawnSync } from 'node:child_process'
import { describe } from 'vitest'

/** Runs `promtool`, of Prometheus; says what it printed, and whether it found all well. */
export function promtool(args: string[], input = ''): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if (error) throw error
  return { ok: status === 0, output: stdout + stderr }
}

/**
 * Describes what needs `promtool`, of Debian's package `prometheus`. On a machine without it, it is
 * skipped, and says so; in CI the missing program fails it.
 */
export function describeWithPromtool(what: string, tests: () => void): void {
  const missing = spawnSync('promtool', ['--version']).error !== undefined
  const skip = process.env['CI'] !== 'true' && missing
  // The default reporter of Vitest counts skipped tests, but does not name them.
  if (skip) process.stderr.write(`Skipped, because there is no promtool: ${what}\n`)
  describe.skipIf(skip)(what, tests)
}
