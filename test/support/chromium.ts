import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { describe } from 'vitest'

const path = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/**
 * Describes what needs a browser. On a machine without Chromium it is skipped, and says so; in CI the
 * missing browser fails it.
 */
export function describeInChromium(what: string, tests: () => void): void {
  const skip = process.env['CI'] !== 'true' && !existsSync(path)
  // The default reporter of Vitest counts skipped tests, but does not name them.
  if (skip) process.stderr.write(`Skipped, because there is no Chromium at ${path}: ${what}\n`)
  describe.skipIf(skip)(what, tests)
}

/** Starts Chromium, without a window. Whoever starts it closes it. */
export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: path,
    args: ['--disable-gpu', '--disable-quic', '--disable-background-networking'],
  })
}
