import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { dialectNames } from '../../src/dialects/dialect.js'
import { describeInChromium, launchChromium } from '../support/chromium.js'
import { runRelay, startRelay } from '../support/relay.js'

describe('the landing page', () => {
  test('lets nothing run but its own script and style', async () => {
    const { http } = await startRelay()
    const answer = await fetch(http)
    const body = await answer.text()

    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('content-security-policy')?.split('; ')).toEqual([
      "default-src 'none'",
      `script-src 'sha256-${sha256(only(body, 'script'))}'`,
      `style-src 'sha256-${sha256(only(body, 'style'))}'`,
      "connect-src 'self' ws: wss:",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ])
  })

  test('is one small document that asks for nothing else', async () => {
    const { http } = await startRelay()
    const body = await (await fetch(http)).text()

    expect(Buffer.byteLength(body)).toBeLessThan(20_000)
    expect(body).not.toMatch(/\ssrc=|@import|url\(|\son[a-z]+="|\sstyle=|\bimport\b/)
  })

  test.each(dialectNames)(
    'lists the WebSocket URLs of %s and of nothing else, if that alone is served',
    async (name) => {
      const { http } = await startRelay({ dialects: [name] })
      const body = await (await fetch(http)).text()

      expect([...body.matchAll(/<dt id="(.+?)"/g)].map(([, dt]) => dt)).toEqual([name])
      expect([...body.matchAll(/data-url>ws:\/\/host\/(.*?)</g)].map(([, path]) => path)).toEqual(URLS[name])
    },
  )

  test.each([
    ['those for all', {}, ['health', 'stats', 'metrics']],
    ['the dashboard, if there is one', { adminToken: 'x'.repeat(16) }, ['health', 'stats', 'metrics', 'dashboard']],
    ['none that has moved to another port', { adminToken: 'x'.repeat(16), adminPort: 0 }, ['health']],
  ])('leads to the pages that are served here: %s (10.47)', async (_, options, pages) => {
    const { http } = await startRelay(options)
    const body = await (await fetch(http)).text()
    expect([...body.matchAll(/<a href="(\w+)"/g)].map(([, path]) => path)).toEqual(pages)
  })

  test('answers HEAD with the headers alone', async () => {
    const { http, port } = await startRelay()
    const length = (await (await fetch(http)).arrayBuffer()).byteLength
    const socket = connect(port, '127.0.0.1')
    // An HTTP client would hide a body that should not be there.
    socket.end('HEAD / HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n')
    const [head, ...rest] = (await text(socket)).split('\r\n\r\n')

    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(head).toContain(`Content-Length: ${length}\r\n`)
    expect(head).toContain("Content-Security-Policy: default-src 'none'")
    expect(rest).toEqual([''])
  })

  test('can be turned off: then `/` is not found, and all else is as it was', async () => {
    const { http, open } = await startRelay({ landingPage: false })
    const answer = await fetch(http)

    expect(answer.status).toBe(404)
    expect(await answer.text()).toBe('Baton relay - Use WebSocket endpoint: ws://host/room/{roomId}\n')
    expect((await fetch(`${http}/health`)).status).toBe(200)
    expect(await (await open('/?room=doc')).json()).toMatchObject({ type: 'connected' })
  })
})

describeInChromium('the landing page in Chromium', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchChromium()
    return () => browser.close()
  })

  /** Opens the page of a relay in a browser context of its own, with what the browser has to complain about it. */
  async function visit(
    http: string,
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage(options)
    onTestFinished(() => page.close())
    const complaints: string[] = []
    page.on('console', (line) => complaints.push(line.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`))
    await page.goto(http)
    return { page, complaints }
  }

  test.each(dialectNames)('has two panes that talk through %s alone', async (dialect) => {
    const { http } = await startRelay({ dialects: [dialect] })
    const { page, complaints } = await visit(http)
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
    const { page } = await visit(http)

    expect(await page.locator('#dialect').textContent()).toBe('impossible-writer')
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

  test('lets others in by link, each with a pane and a name of their own', async () => {
    const { http } = await startRelay()
    const { page } = await visit(http)
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
    const here = await visit(http)
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
      [await visit(http), await visit(http)].map(({ page }) => page.locator('#link').getAttribute('href')),
    )

    expect(links).toEqual([
      expect.stringMatching(/^#demo-[0-9a-z]{8,}$/),
      expect.stringMatching(/^#demo-[0-9a-z]{8,}$/),
    ])
    expect(links[0]).not.toBe(links[1])
  })

  test('shows what goes over the wire as it went', async () => {
    const { http, open } = await startRelay()
    const { page } = await visit(`${http}/#wire`)
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
    const { page } = await visit(http)
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
    const { page } = await visit(`${http}/#long`)
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
    const { page, complaints } = await visit(`${http}/#nasty`)
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
    const { page } = await visit(`${http}/#frames`)
    const [guest] = await panesOf(page)
    const peer = await open('/raw/frames')
    for (const odd of ['null', '"x"', '{"type":"history","messages":[null]}', 'Hello']) peer.send(odd)
    peer.send(Buffer.from([1, 2, 255]))

    await hears(guest, 'Hello')
    await hears(guest, '3 bytes of binary data')
  })

  test('tells newcomers what was said before, and those who come back no message twice, if the relay keeps them', async () => {
    const { http } = await startRelay({ history: 10 })
    const { page } = await visit(http)
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
    const { page } = await visit(`${before.http}/`)
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
    const { page } = await visit(http)
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
    const { page } = await visit(http)
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
    const { page } = await visit(http, { permissions: ['clipboard-read', 'clipboard-write'] })
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
    const { page } = await visit(http)

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
    const { page } = await visit(http)
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
    const { page } = await visit(http)
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
    const { page } = await visit(http)
    const [ann, ben] = await panesOf(page)
    for (const width of [320, 375, 768, 1280]) {
      await page.setViewportSize({ width, height: 700 })
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      expect((await ann.boundingBox())?.y === (await ben.boundingBox())?.y).toBe(width >= 768)
    }
  })

  test('is of use without script', async () => {
    const { http } = await startRelay({ dialects: ['opaque'] })
    const { page } = await visit(http, { javaScriptEnabled: false })

    await page.getByText('The panes to try it in need JavaScript').waitFor()
    expect(await page.locator('#demo').isVisible()).toBe(false)
    expect(await urlsOn(page)).toEqual(URLS['opaque'].map((path) => `ws://host/${path}`))
  })
})

const URLS = {
  'impossible-writer': ['room/{id}', '?room={id}'],
  pluresdb: ['pluresdb', ''],
  'y-webrtc': ['y-webrtc', ''],
  opaque: ['gun', 'gun/{topic}', 'raw/{room}'],
}

/** The text of the one element of its kind. */
function only(html: string, tag: string): string {
  const [first, ...others] = [...html.matchAll(new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, 'gs'))]
  expect(others).toEqual([])
  return first?.[1] ?? ''
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}

/** The panes of a page, when all of them show a state: two, or one for who came by link. */
async function panesOf(page: Page, state: string | RegExp = 'Connected'): Promise<[Locator, Locator]> {
  const panes = await page.getByRole('article').all()
  for (const pane of panes) await says(pane, state)
  return panes as [Locator, Locator]
}

function textOf(pane: Locator): Locator {
  return pane.getByRole('textbox')
}

/** Types a message and sends it. */
async function say(pane: Locator, text: string): Promise<void> {
  await textOf(pane).fill(text)
  await textOf(pane).press('Enter')
}

/** Waits for a pane to show a message. */
async function hears(pane: Locator, text: string | RegExp): Promise<void> {
  await pane
    .getByRole('log')
    .locator('p')
    .filter({ hasText: exactly(text) })
    .first()
    .waitFor()
}

/** Waits for a pane to show a state. */
async function says(pane: Locator, state: string | RegExp): Promise<void> {
  await pane
    .getByRole('status')
    .filter({ hasText: exactly(state) })
    .waitFor()
}

function exactly(text: string | RegExp): RegExp {
  return typeof text === 'string' ? new RegExp(`^${text.replaceAll(/[^\w\s]/gu, '\\$&')}$`) : text
}

/** What the page shows of a message that is chosen. */
async function fullTextAt(page: Page, line: Locator): Promise<string> {
  await line.click()
  return (await page.locator('#full').textContent()) ?? ''
}

async function urlsOn(page: Page): Promise<string[]> {
  return await page.locator('.urls code').allTextContents()
}
