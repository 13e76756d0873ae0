// Takes docs/images/landing.png: the landing page of a relay of its own, with a conversation, in Chromium. The variable
// CHROMIUM says which one.
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const { Relay } = await import('../dist/index.js')
const relay = new Relay({ port: 0, host: '127.0.0.1', logLevel: 'silent' })
const { port } = await relay.listen()
const browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium' })
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } })
  await page.goto(`http://127.0.0.1:${port}`)
  await page.locator('article[data-state=open]').nth(1).waitFor()
  const conversation = [
    ['Ann', 'Hello Ben, does this reach you?'],
    ['Ben', 'It does, Ann. Straight from the relay.'],
    ['Ann', 'And it keeps none of it?'],
    ['Ben', 'Not a word.'],
  ]
  for (const [name, text = ''] of conversation) {
    await page.getByRole('textbox', { name: `Message from ${name}` }).fill(text)
    await page.keyboard.press('Enter')
    await page.locator('.message:not(.own)', { hasText: text }).waitFor()
  }
  await page.screenshot({ path: fileURLToPath(new URL('../docs/images/landing.png', import.meta.url)) })
} finally {
  await browser.close()
  await relay.close({ drain: 0 })
}
