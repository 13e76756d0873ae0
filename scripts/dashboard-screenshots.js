// Takes the pictures of docs/dashboard.md: the dashboard of a relay of its own with a few rooms, in Chromium. Which
// one it uses, the variable CHROMIUM says.
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { WebSocket } from 'ws'

const { Relay } = await import('../dist/index.js')
const token = 'a token for the pictures'
const relay = new Relay({ port: 0, host: '127.0.0.1', logLevel: 'silent', adminToken: token })
const { port } = await relay.listen()

/**
 * Somebody who comes, and writes so many messages a second.
 *
 * @param {string} path
 * @param {number} rate
 */
function connect(path, rate) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  socket.on('error', () => {})
  socket.on('open', () => {
    if (path === '/pluresdb') socket.send('{"type":"join","topic":"notes"}')
    if (rate === 0) return
    const writing = setInterval(() => socket.send(`{"type":"data","data":"${'x'.repeat(60)}"}`), 1000 / rate)
    socket.on('close', () => clearInterval(writing))
  })
}

const WRITERS = { '/room/minutes': [8, 6], '/room/letter': [1, 2], '/raw/game': [20, 20, 10], '/gun/todo': [3, 1] }
const SILENT = ['/pluresdb', '/pluresdb', '/room/draft', '/raw/lobby', '/raw/lobby', '/raw/lobby', '/raw/lobby']
const RECORDED = 75_000

const arrivals = [
  ...Object.entries(WRITERS).flatMap(([path, rates]) => rates.map((rate) => ({ path, rate }))),
  ...SILENT.map((path) => ({ path, rate: 0 })),
]
for (const [i, { path, rate }] of arrivals.entries()) {
  setTimeout(() => connect(path, rate), (i * RECORDED * 0.8) / arrivals.length)
}
await new Promise((resolve) => setTimeout(resolve, RECORDED))

const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium' })
try {
  const pictures = [
    { name: 'light', width: 1200, colorScheme: 'light', fullPage: true },
    { name: 'dark', width: 1200, colorScheme: 'dark', fullPage: false },
    { name: 'phone', width: 360, colorScheme: 'light', fullPage: false },
  ]
  for (const { name, width, colorScheme, fullPage } of pictures) {
    const context = /** @type {const} */ ({ viewport: { width, height: 800 }, colorScheme })
    const page = await browser.newPage(/** @type {import('playwright-core').BrowserContextOptions} */ (context))
    await page.goto(`http://127.0.0.1:${port}/dashboard`)
    await page.getByLabel('Admin token').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('row').filter({ hasText: 'opaque' }).getByRole('button').nth(1).click()
    await page
      .getByRole('button', { name: /^Disconnect / })
      .first()
      .waitFor()
    await page.mouse.move(0, 0)
    await page
      .getByRole('row')
      .filter({ hasText: /[1-9]\d*\/s/ })
      .first()
      .waitFor()
    await new Promise((resolve) => setTimeout(resolve, 2500))
    const path = fileURLToPath(new URL(`../docs/images/dashboard-${name}.png`, import.meta.url))
    await page.screenshot({ path, fullPage })
    await page.close()
  }
} finally {
  await browser.close()
  await relay.close({ drain: 0 })
}
