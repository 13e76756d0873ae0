import type { Browser, BrowserContext, Page } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { describeInChromium, launchChromium } from '../support/chromium.js'
import { TOKEN } from '../support/dashboard.js'
import { startRelay } from '../support/relay.js'

describeInChromium('what a page hides (10.43)', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchChromium()
    return () => browser.close()
  })

  async function openContext(): Promise<BrowserContext> {
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    return context
  }

  /** Each page of the relay, as its visitors come to it. */
  const pages: Record<string, (page: Page, http: string) => Promise<void>> = {
    'the landing page': async (page, http) => {
      await page.goto(http)
      await page.locator('#demo').waitFor()
    },
    'the sign-in page': async (page, http) => {
      await page.goto(`${http}/dashboard`)
    },
    'the sign-in page after a wrong token': async (page, http) => {
      await page.goto(`${http}/dashboard`)
      await page.getByLabel('Admin token').fill('a wrong guess')
      await page.keyboard.press('Enter')
      await page.getByRole('alert').waitFor()
    },
    'the dashboard': async (page, http) => {
      await page.goto(`${http}/dashboard`)
      await page.getByLabel('Admin token').fill(TOKEN)
      await page.keyboard.press('Enter')
      await page.getByText('healthy').waitFor()
    },
  }

  test.each(Object.entries(pages))('is not shown on %s, whatever its style says', async (_name, visit) => {
    const { http } = await startRelay({ adminToken: TOKEN })
    const page = await (await openContext()).newPage()
    await visit(page, http)
    expect(await page.evaluate(shownThoughHidden)).toEqual([])
  })
})

/** Run in the page: those of its elements that its style shows though they are hidden, or would if they were. */
const shownThoughHidden = `[...document.body.querySelectorAll('*')]
  .filter((element) => {
    const before = element.getAttribute('hidden')
    element.setAttribute('hidden', '')
    const { display } = getComputedStyle(element)
    if (before === null) element.removeAttribute('hidden')
    return display !== 'none'
  })
  .map(({ outerHTML }) => outerHTML.slice(0, 80))`
