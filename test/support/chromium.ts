import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { describeWith } from './needs.js'

const path = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** Describes what needs a browser. */
export function describeInChromium(what: string, tests: () => void): void {
  describeWith(`Chromium at ${path}`, existsSync(path), what, tests)
}

/** Starts Chromium, without a window. Whoever starts it closes it. */
export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: path,
    args: ['--disable-gpu', '--disable-quic', '--disable-background-networking'],
  })
}
