// Takes docs/images/landing.png: the landing page of a relay of its own, after two have typed, in Chromium. Which one
// it uses, the variable CHROMIUM says.
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const { Relay } = await import('../dist/index.js')
const relay = new Relay({ port: 0, host: '127.0.0.1', logLevel: 'silent' })
const { port } = await relay.listen()
const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium' })
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 680 } })
  await page.goto(`http://127.0.0.1:${port}`)
  const ann = page.getByRole('textbox', { name: 'Ann' })
  const ben = page.getByRole('textbox', { name: 'Ben' })
  await page.locator('article[data-state=open]').nth(1).waitFor()
  await ann.pressSequentially('Ann types here, and Ben sees it there.\n')
  await ben.press('Control+End')
  await ben.pressSequentially('Nobody in the middle keeps a word')
  await page.locator('[aria-label=Ann] .caret').waitFor()
  await page.getByRole('option', { name: 'relay → Ann edit' }).last().click()
  await page.screenshot({ path: fileURLToPath(new URL('../docs/images/landing.png', import.meta.url)) })
} finally {
  await browser.close()
  await relay.close({ drain: 0 })
}
