import type { Browser, Page } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { dialectNames } from '../../../src/dialects/dialect.js'
import { describeInChromium, launchChromium } from '../../support/chromium.js'
import { hears, panesOf, say, says, URLS, visit } from '../../support/landing-page.js'
import { startRelay } from '../../support/relay.js'

describeInChromium('the landing page in Chromium', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchChromium()
    return () => browser.close()
  })

  test('asks no other server for anything, and its own for nothing but whether it keeps messages', async () => {
    const { http } = await startRelay()
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    const requests: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    await page.goto(http)
    const [ann, ben] = await panesOf(page)
    await say(ann, 'Hello')
    await hears(ben, 'Ann Hello')

    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([`${http}/`, `${http}/health`])
  })

  test.each([true, false])('says whether messages are kept for newcomers (%s)', async (kept) => {
    const { http } = await startRelay()
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.route('**/health', (route) => route.fulfill({ json: kept ? { history: { messages: 100 } } : {} }))
    await page.goto(http)
    await page
      .getByText(kept ? 'keeps the last messages of a room in memory' : 'It stores nothing.', { exact: !kept })
      .waitFor()

    expect(await page.locator('.lead span:visible').count()).toBe(1)
  })

  test.each(dialectNames)('has a client in %s that works as it stands, to be copied', async (dialect) => {
    const { http } = await startRelay()
    const { page } = await visit(browser, http, { permissions: ['clipboard-read', 'clipboard-write'] })
    await page.getByRole('button', { name: `Copy the client in ${dialect}` }).click()
    await page.getByText('Copied').waitFor()
    const snippet = String(await page.evaluate('navigator.clipboard.readText()'))
    const heard = page.waitForEvent('console', (line) => line.text().includes('Hello'))
    // As in two consoles: the first hears what the second says.
    for (let n = 0; n < 2; n++) {
      await page.evaluate(`new Promise((resolve) => {
        ${snippet}
        socket.addEventListener('open', resolve)
      })`)
    }
    await heard
    expect(snippet).toContain(`new WebSocket('${http.replace('http', 'ws')}/`)
  })

  test('selects the link where the clipboard is out of reach', async () => {
    const { http } = await startRelay()
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.addInitScript("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await page.goto(http)
    await page.getByRole('button', { name: 'Copy the link' }).click()
    await page.getByText('Selected').waitFor()

    const room = await page.locator('#link').getAttribute('href')
    expect(await page.evaluate('getSelection().toString()')).toBe(`${http}/${room}`)
  })

  test('fills in the address at which the visitor found it', async () => {
    const { http, url } = await startRelay()
    const { page } = await visit(browser, http)

    expect(await urlsOn(page)).toEqual(Object.values(URLS).flatMap((paths) => paths.map((path) => `${url}/${path}`)))
    const [ann] = await panesOf(page)
    expect(await ann.locator('footer').textContent()).toMatch(new RegExp(`^${url}/room/demo-\\w+\\?nickname=Ann$`))
  })

  test('fills in wss, and the path of a proxy, if it came over https from below that path', async () => {
    const { http, port } = await startRelay({ dialects: ['pluresdb'] })
    const answer = await fetch(http)
    const [body, headers] = [await answer.text(), Object.fromEntries(answer.headers)]
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.route(/^https:/, (route) => route.fulfill({ body, headers }))
    await page.goto(`https://127.0.0.1:${port}/tools/baton/?from=here`)

    const base = `wss://127.0.0.1:${port}/tools/baton/`
    expect(await urlsOn(page)).toEqual([`${base}pluresdb`, base])
    // Nobody speaks TLS there.
    await panesOf(page, /^Reconnecting in \d s: the connection broke, or the relay cannot be reached \(1006\)$/)
  })

  test('can be used with the keyboard alone', async () => {
    const { http } = await startRelay()
    const { page } = await visit(browser, http)
    const [ann, ben] = await panesOf(page)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await says(ann, 'Disconnected')
    await page.keyboard.press('Enter')
    await says(ann, 'Connected')
    // Past the messages, which can be scrolled, to the field.
    for (let n = 0; n < 2; n++) await page.keyboard.press('Tab')
    for (const text of ['By hand', 'Twice']) {
      await page.keyboard.type(text)
      await page.keyboard.press('Enter')
      await hears(ben, `Ann ${text}`)
    }
    // Ann's button, Ben's four, the link, its button, and then the list of messages.
    for (let n = 0; n < 8; n++) await page.keyboard.press('Tab')
    await page.keyboard.press('Home')
    const first = page.getByRole('option').first()
    expect(await first.getAttribute('aria-selected')).toBe('true')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowUp')
    expect(await page.locator('#full').textContent()).toMatch(/^ws:/)
    expect(await page.getByRole('listbox').getAttribute('aria-activedescendant')).toBe(await first.getAttribute('id'))
  })

  test('tells screen readers of the state of the connections and of messages, and of nothing else', async () => {
    const { http } = await startRelay()
    const { page } = await visit(browser, http)
    const [ann] = await panesOf(page)

    expect(await page.locator('[aria-live], [role=alert]').count()).toBe(0)
    expect(await page.getByRole('status').count()).toBe(2)
    expect(await page.getByRole('log').count()).toBe(2)
    expect(await ann.getByRole('log', { name: 'Messages to Ann' }).count()).toBe(1)
    expect(await ann.getByRole('textbox', { name: 'Message from Ann' }).count()).toBe(1)
    expect(await page.locator('button:not([aria-label]):visible').allTextContents()).toEqual(['Copy the link'])
  })

  test('fits windows of all widths', async () => {
    const { http } = await startRelay()
    const { page } = await visit(browser, http)
    const [ann, ben] = await panesOf(page)
    for (const width of [320, 375, 768, 1280]) {
      await page.setViewportSize({ width, height: 700 })
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      expect((await ann.boundingBox())?.y === (await ben.boundingBox())?.y).toBe(width >= 768)
    }
  })

  test('is of use without script', async () => {
    const { http } = await startRelay({ dialects: ['opaque'] })
    const { page } = await visit(browser, http, { javaScriptEnabled: false })

    await page.getByText('The panes to try it in need JavaScript').waitFor()
    expect(await page.locator('#demo').isVisible()).toBe(false)
    expect(await urlsOn(page)).toEqual(URLS['opaque'].map((path) => `ws://host/${path}`))
  })
})

async function urlsOn(page: Page): Promise<string[]> {
  return await page.locator('.urls code').allTextContents()
}
