import { spawnSync } from 'node:child_process'
import { describe, type TestOptions } from 'vitest'

/**
 * Describes what needs a program. On a machine without it the tests are skipped, and the program is named, which
 * Vitest does not do. With CI=true they are tried in any case, and fail.
 */
export function describeWith(
  program: string,
  isThere: boolean,
  what: string,
  tests: () => void,
  options: TestOptions = {},
): void {
  const skip = process.env['CI'] !== 'true' && !isThere
  if (skip) process.stderr.write(`Skipped, because there is no ${program}: ${what}\n`)
  describe.skipIf(skip)(what, options, tests)
}

/** Whether a command is on the PATH. */
export function hasCommand(name: string): boolean {
  return spawnSync(name, ['--version']).error === undefined
}
