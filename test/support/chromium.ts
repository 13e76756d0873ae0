import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const path = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** Whether tests that need a browser are skipped. In CI they are not: there a missing Chromium fails them. */
export const withoutChromium = !existsSync(path) && process.env['CI'] !== 'true'

/** Starts Chromium, without a window. Whoever starts it closes it. */
export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: path,
    args: ['--disable-gpu', '--disable-quic', '--disable-background-networking'],
  })
}
