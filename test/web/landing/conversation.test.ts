import type { Browser, Locator, Page } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { dialectNames } from '../../../src/dialects/dialect.js'
import { describeInChromium, launchChromium } from '../../support/chromium.js'
import { hears, panesOf, say, says, textOf, visit } from '../../support/landing-page.js'
import { runRelay, startRelay } from '../../support/relay.js'

describeInChromium('the conversation on the landing page', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchChromium()
    return () => browser.close()
  })

  test.each(dialectNames)('has two panes that talk through %s alone', async (dialect) => {
    const { http } = await startRelay({ dialects: [dialect] })
    const { page, complaints } = await visit(browser, http)
    const [ann, ben] = await panesOf(page)
    await say(ann, 'Hello Ben')
    await hears(ben, 'Ann Hello Ben')
    await say(ben, 'Grüße 👋')
    await hears(ann, 'Ben Grüße 👋')

    await hears(ann, 'Ann Hello Ben')
    await hears(ben, 'Ben Grüße 👋')
    for (const pane of [ann, ben]) expect(await pane.locator('.message').count()).toBe(2)
    expect(await page.locator('#dialect').textContent()).toBe(dialect)
    expect(complaints).toEqual([])
  })

  test('speaks impossible-writer if all dialects are served', async () => {
    const { http } = await startRelay()
    const { page } = await visit(browser, http)

    expect(await page.locator('#dialect').textContent()).toBe('impossible-writer')
  })

  test('lets others in by link, each with a pane and a name of their own', async () => {
    const { http } = await startRelay()
    const { page } = await visit(browser, http)
    const [ann, ben] = await panesOf(page)
    const [window] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('link', { name: 'Open another window' }).click(),
    ])
    const [guest, ...others] = await panesOf(window)
    const name = (await guest.getAttribute('aria-label')) ?? ''

    expect(others).toEqual([])
    expect(['Ann', 'Ben']).not.toContain(name)
    await hears(ann, `${name} joined, 3 in the room`)
    await say(guest, 'Good day')
    await hears(ben, `${name} Good day`)
    await window.close()
    await hears(ann, `${name} left, 2 in the room`)
  })

  test('lets two browsers talk that share nothing but the link', async () => {
    const { http } = await startRelay()
    const here = await visit(browser, http)
    const [ann] = await panesOf(here.page)
    const link = await here.page.locator('#address').textContent()
    const another = await launchChromium()
    onTestFinished(() => another.close())
    const there = await another.newPage()
    await there.goto(String(link))
    const [guest] = await panesOf(there)
    await say(ann, 'Hello from here')
    await hears(guest, 'Ann Hello from here')
    await say(guest, 'Hello from there')

    await hears(ann, /^\w+ Hello from there$/)
  })

  test('gives strangers rooms of their own', async () => {
    const { http } = await startRelay()
    const links = await Promise.all(
      [await visit(browser, http), await visit(browser, http)].map(({ page }) =>
        page.locator('#link').getAttribute('href'),
      ),
    )

    expect(links).toEqual([
      expect.stringMatching(/^#demo-[0-9a-z]{8,}$/),
      expect.stringMatching(/^#demo-[0-9a-z]{8,}$/),
    ])
    expect(links[0]).not.toBe(links[1])
  })

  test('shows what goes over the wire as it went', async () => {
    const { http, open } = await startRelay()
    const { page } = await visit(browser, `${http}/#wire`)
    const [guest] = await panesOf(page)
    const peer = await open('/room/wire?nickname=Peer')
    await page.getByRole('option', { name: /relay → \w+ user-joined/ }).waitFor()
    await peer.json()
    peer.send('{"type":"note","text":"<b>ü</b>"}')
    const line = page.getByRole('option', { name: 'note' })
    const seen = JSON.parse(await fullTextAt(page, line))

    expect(seen).toEqual({
      type: 'note',
      text: '<b>ü</b>',
      connectionId: expect.any(String),
      timestamp: expect.any(Number),
    })
    expect(await line.textContent()).toMatch(
      new RegExp(`^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}relay → \\w+note${Buffer.byteLength(JSON.stringify(seen))} B$`),
    )
    peer.send('{"type":"digits", "n":12345678901234567890}')
    expect(await fullTextAt(page, page.getByRole('option', { name: 'digits' }))).toMatch(
      /^{"type":"digits", "n":12345678901234567890,/,
    )
    await say(guest, 'x')
    const heard = await peer.json()
    const sent = JSON.parse(await fullTextAt(page, page.getByRole('option', { name: /\w+ → relay content/ })))
    expect(heard).toEqual({ ...sent, connectionId: heard['connectionId'], timestamp: heard['timestamp'] })
    expect(sent).toEqual({ type: 'content', from: await guest.getAttribute('aria-label'), data: 'x' })
  })

  test('shows the newest message in full until another is chosen', async () => {
    const { http } = await startRelay()
    const { page } = await visit(browser, http)
    const [ann, ben] = await panesOf(page)
    await say(ann, 'first')
    await hears(ben, 'Ann first')
    const full = page.locator('#full')
    await full.getByText('"data": "first"').waitFor()
    expect(await fullTextAt(page, page.getByRole('option').first())).toMatch(/^ws:/)
    await say(ann, 'second')
    await hears(ben, 'Ann second')

    expect(await full.textContent()).toMatch(/^ws:/)
  })

  test('keeps its lists short', async () => {
    const { http, open } = await startRelay({ rateLimit: 0 })
    const { page } = await visit(browser, `${http}/#long`)
    const [guest] = await panesOf(page)
    const peer = await open('/room/long')
    await peer.json()
    for (let n = 0; n < 300; n++) peer.send({ type: `n${n}`, text: `text ${n}` })
    await page.getByRole('option', { name: 'n299' }).waitFor()

    expect(await page.getByRole('option').count()).toBe(200)
    expect(await guest.getByRole('log').locator('p').count()).toBe(200)
  })

  test('shows what others sent as text, never as markup, and stands whatever they send', async () => {
    const { http, open } = await startRelay()
    const { page, complaints } = await visit(browser, `${http}/#nasty`)
    const [guest] = await panesOf(page)
    const peer = await open('/room/nasty')
    const odd = ['{"type":{"toString":5}}', '{"type":"__proto__","messages":[null]}', '{"type":"x","from":{},"text":7}']
    for (const each of odd) peer.send(each)
    const markup = '<img src=x onerror=alert(1)><b>bold</b>'
    peer.send({ type: 'content', from: '<i>', data: markup })
    await hears(guest, `<i> ${markup}`)

    for (const each of odd) await guest.getByText(each.slice(0, -1)).waitFor()
    expect(await page.locator('img, i, .messages b b').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('shows frames that are not in its own format: text as it is, and of binary data how much', async () => {
    const { http, open } = await startRelay({ dialects: ['opaque'] })
    const { page } = await visit(browser, `${http}/#frames`)
    const [guest] = await panesOf(page)
    const peer = await open('/raw/frames')
    for (const odd of ['null', '"x"', '{"type":"history","messages":[null]}', 'Hello']) peer.send(odd)
    peer.send(Buffer.from([1, 2, 255]))

    await hears(guest, 'Hello')
    await hears(guest, '3 bytes of binary data')
  })

  test('tells newcomers what was said before, and those who come back no message twice, if the relay keeps them', async () => {
    const { http } = await startRelay({ history: 10 })
    const { page } = await visit(browser, http)
    const [ann, ben] = await panesOf(page)
    await say(ann, 'Before')
    await hears(ben, 'Ann Before')
    await ben.getByRole('button', { name: 'Disconnect Ben' }).click()
    await says(ben, 'Disconnected')
    await say(ann, 'Meanwhile')
    await ben.getByRole('button', { name: 'Connect Ben' }).click()
    await hears(ben, 'Ann Meanwhile')

    expect(await ben.locator('.message').allTextContents()).toEqual(['Ann Before', 'Ann Meanwhile'])
  })

  test.each(dialectNames)('comes back after a restart of the relay, and speaks %s again', async (dialect) => {
    const before = await runRelay({ dialects: [dialect] })
    const { page } = await visit(browser, `${before.http}/`)
    const [ann, ben] = await panesOf(page)
    await say(ann, 'Before')
    await hears(ben, 'Ann Before')
    await before.stop()
    await says(ann, /^Reconnecting in \d s: .+ \(\d{4}\)$/)
    await page.getByRole('option', { name: 'closed' }).first().waitFor()
    // What cannot be sent stays where it was typed.
    await textOf(ann).fill('After')
    await textOf(ann).press('Enter')
    expect(await ann.getByRole('button', { name: 'Send as Ann' }).isDisabled()).toBe(true)
    const { relay } = await startRelay({ port: before.port, dialects: [dialect] })
    await says(ann, 'Connected')
    await says(ben, 'Connected')
    await expect.poll(() => relay.stats().currentRooms).toBe(1)
    await textOf(ann).press('Enter')

    await hears(ben, 'Ann After')
    await hears(ben, 'Ann Before')
    expect(await textOf(ann).inputValue()).toBe('')
  })

  test('says that the rate limit has refused a message', async () => {
    const { http } = await startRelay({ rateLimit: 1, rateLimitWindow: 60_000 })
    const { page } = await visit(browser, http)
    const [ann, ben] = await panesOf(page)
    await say(ann, 'One')
    await say(ann, 'Two')
    await hears(ann, /^Refused: Rate limit exceeded .+ \(RATE_LIMIT_EXCEEDED\)$/)

    expect(await ann.locator('.error').count()).toBe(1)
    expect(await ben.locator('.message').allTextContents()).toEqual(['Ann One'])
  })

  test('says why the relay does not let it in, and tries again only when told to', async () => {
    let allowed = false
    const { http } = await startRelay({ authorize: () => allowed })
    const { page } = await visit(browser, http)
    const [ann, ben] = await panesOf(page, /^Closed: Not allowed \(1008\)\. This relay has rules/)
    allowed = true
    await ann.getByRole('button', { name: 'Connect Ann' }).click()
    await ben.getByRole('button', { name: 'Connect Ben' }).click()
    await says(ann, 'Connected')
    await says(ben, 'Connected')

    await ann.getByRole('button', { name: 'Disconnect Ann' }).click()
    await says(ann, 'Disconnected')
  })

  test('says that a token is missing', async () => {
    const { http } = await startRelay()
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.routeWebSocket(/./, (socket) => socket.close({ code: 1008, reason: 'Invalid authentication token' }))
    await page.goto(http)

    await panesOf(page, /Invalid authentication token \(1008\)\. This relay wants a token/)
  })
})

/** What the page shows of a message that is chosen. */
async function fullTextAt(page: Page, line: Locator): Promise<string> {
  await line.click()
  return (await page.locator('#full').textContent()) ?? ''
}
