import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
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

    expect(Buffer.byteLength(body)).toBeLessThan(64_000)
    expect(gzipSync(body).length).toBeLessThan(20_000)
    expect(body).not.toMatch(/\ssrc=|@import|url\(|\son[a-z]+="|\sstyle=|^import /m)
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

  /** Opens the page of a relay, with what the browser has to complain about it. */
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

  test.each(dialectNames)('has two panes that share text and cursors through %s alone', async (dialect) => {
    const { http } = await startRelay({ dialects: [dialect] })
    const { page, complaints } = await visit(http)
    const [ann, ben] = await panesOf(page)

    await textOf(ann).pressSequentially('Hello Ben')
    await reads(ben, 'Hello Ben')
    await ben.locator('.caret[data-name=Ann]').waitFor()
    await textOf(ben).press('Control+Home')
    await textOf(ben).pressSequentially('Grüße 👋. ')
    await reads(ann, 'Grüße 👋. Hello Ben')
    await textOf(ben).press('Control+Shift+ArrowRight')
    await ann.locator('.selected', { hasText: 'Hello' }).waitFor()
    expect(await page.locator('#dialect').textContent()).toBe(dialect)
    expect(complaints).toEqual([])
  })

  test('speaks impossible-writer if all dialects are served', async () => {
    const { http } = await startRelay()
    const { page } = await visit(http)

    expect(await page.locator('#dialect').textContent()).toBe('impossible-writer')
  })

  test('lets others in by link, each with a pane and a name, and gives them what is there', async () => {
    const { http } = await startRelay()
    const { page } = await visit(http)
    const [ann] = await panesOf(page)
    await textOf(ann).pressSequentially('Here before you')
    const [window] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('link', { name: 'Open another window' }).click(),
    ])
    const [guest, ...others] = await panesOf(window)

    expect(others).toEqual([])
    await reads(guest, 'Here before you')
    await guest.locator('.caret[data-name=Ann]').waitFor()
    await textOf(guest).press('Control+End')
    await textOf(guest).pressSequentially(', and after')
    await reads(ann, 'Here before you, and after')
    const name = (await guest.getAttribute('aria-label')) ?? ''
    expect(['Ann', 'Ben']).not.toContain(name)
    await ann.locator(`.caret[data-name=${name}]`).waitFor()
    await window.close()
    await ann.locator(`.caret[data-name=${name}]`).waitFor({ state: 'detached' })
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

  test('loses nothing when two type at once, and keeps each caret in its place', async () => {
    const { http } = await startRelay()
    const [here, there] = [await visit(`${http}/#both`), await visit(`${http}/#both`)]
    const [[ann], [ben]] = [await panesOf(here.page), await panesOf(there.page)]
    await textOf(ann).pressSequentially('||')
    await reads(ben, '||')
    await textOf(ann).press('Home')
    await textOf(ben).press('End')
    const [left, right] = ['abcdefghijklm'.repeat(2), 'nopqrstuvwxyz'.repeat(2)]
    await Promise.all([textOf(ann).pressSequentially(left), textOf(ben).pressSequentially(right)])
    await reads(ann, `${left}||${right}`)
    await reads(ben, `${left}||${right}`)

    await Promise.all([textOf(ann), textOf(ben)].map((area) => area.press('Control+Home')))
    await Promise.all([textOf(ann).pressSequentially(left), textOf(ben).pressSequentially(right)])
    await expect.poll(async () => (await textOf(ann).inputValue()).length).toBe(4 * left.length + 2)
    await reads(ben, await textOf(ann).inputValue())
    const atOnce = (await textOf(ann).inputValue()).slice(0, 2 * left.length)
    expect(atOnce.replaceAll(/[n-z]/g, '')).toBe(left)
    expect(atOnce.replaceAll(/[a-m]/g, '')).toBe(right)
  })

  test('draws the cursors of others where they are, however the text is broken into lines', async () => {
    const { http } = await startRelay()
    const { page } = await visit(http, { viewport: { width: 375, height: 700 } })
    const [ann, ben] = await panesOf(page)
    const lines = 'Lines that are too long for the pane, which is small, anextremelylongwordamongthem.\n\n'.repeat(8)
    await textOf(ann).fill(lines)
    await reads(ben, lines)
    await ben.locator('.caret').waitFor()
    const sizes = async (selector: string): Promise<number[]> =>
      await ben.locator(selector).evaluate((box) => [box.scrollHeight, box.clientWidth, box.scrollTop])
    await textOf(ben).press('Control+End')
    const [height, width, top] = await sizes('textarea')

    expect(height).toBeGreaterThan(700)
    expect(top).toBeGreaterThan(300)
    await expect.poll(() => sizes('.back')).toEqual([height, width, top])
  })

  test('leaves what an input method composes alone until it is done', async () => {
    const { http } = await startRelay()
    const [here, there] = [await visit(`${http}/#compose`), await visit(`${http}/#compose`)]
    const [[ann], [ben]] = [await panesOf(here.page), await panesOf(there.page)]
    await textOf(ann).focus()
    const keyboard = await here.page.context().newCDPSession(here.page)
    await keyboard.send('Input.imeSetComposition', { text: 'にほ', selectionStart: 2, selectionEnd: 2 })
    await reads(ben, 'にほ')
    await textOf(ben).press('Control+Home')
    await textOf(ben).pressSequentially('Ben: ')
    await here.page.locator('.caret').waitFor()
    expect(await textOf(ann).inputValue()).toBe('にほ')
    await keyboard.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 })
    await keyboard.send('Input.insertText', { text: '日本' })

    await reads(ann, 'Ben: 日本')
    await reads(ben, 'Ben: 日本')
  })

  test('shows what goes over the wire as it went', async () => {
    const { http, open } = await startRelay()
    const { page } = await visit(`${http}/#wire`)
    const [guest] = await panesOf(page)
    const peer = await open('/room/wire?nickname=Peer')
    await page.getByRole('option', { name: /relay → \w+ user-joined/ }).waitFor()
    await peer.json()
    const message = '{"type":"note","text":"<b>ü</b>"}'
    peer.send(message)
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
    await textOf(guest).press('x')
    let heard = await peer.json()
    while (heard['type'] !== 'edit') heard = await peer.json()
    const sent = JSON.parse(await fullTextAt(page, page.getByRole('option', { name: /\w+ → relay edit/ })))
    expect(heard).toEqual({ ...sent, connectionId: heard['connectionId'], timestamp: heard['timestamp'] })
    expect(sent).toMatchObject({ type: 'edit', edit: { insert: [{ after: '', text: 'x' }], remove: [] } })
  })

  test('keeps the list of messages short', async () => {
    const { http, open } = await startRelay({ rateLimit: 0 })
    const { page } = await visit(`${http}/#long`)
    await panesOf(page)
    const peer = await open('/room/long')
    await peer.json()
    for (let n = 0; n < 300; n++) peer.send({ type: `n${n}` })
    await page.getByRole('option', { name: 'n299' }).waitFor()

    expect(await page.getByRole('option').count()).toBe(200)
  })

  test('shows what others sent as text, never as markup, and takes no nonsense', async () => {
    const { http, open } = await startRelay()
    const { page, complaints } = await visit(`${http}/#nasty`)
    const [guest] = await panesOf(page)
    const peer = await open('/room/nasty')
    const markup = '<img src=x onerror=alert(1)><b>bold</b>'
    const insert = [{ id: '1@peer', after: '', text: markup }]
    for (const nonsense of [{ edit: {} }, { cursor: 7 }, { edit: { insert, remove: [{ id: '', count: 1e9 }] } }]) {
      peer.send({ type: 'edit', site: 'peer', name: 'x', ...nonsense })
    }
    peer.send({ type: 'edit', site: 'peer', name: '<i>', cursor: ['', '1@peer'], edit: { insert, remove: [] } })
    await reads(guest, markup)
    await guest.locator('.caret').waitFor()

    expect(await page.locator('img, b, i').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('comes back after a restart of the relay, with what was typed meanwhile', async () => {
    const before = await runRelay()
    const { page } = await visit(`${before.http}/`)
    const [ann, ben] = await panesOf(page)
    await textOf(ann).pressSequentially('Before')
    await reads(ben, 'Before')
    await before.stop()
    await says(ann, /^Reconnecting in \d s: .+ \(\d{4}\)$/)
    await page.getByRole('option', { name: 'closed' }).first().waitFor()
    await textOf(ann).press('Control+End')
    await textOf(ann).pressSequentially(', meanwhile')
    const { relay } = await startRelay({ port: before.port })
    await says(ann, 'Connected')
    await says(ben, 'Connected')

    await reads(ben, 'Before, meanwhile')
    expect(relay.stats().currentRooms).toBe(1)
  })

  test('catches up when the relay has refused what was typed', async () => {
    const { http } = await startRelay({ rateLimit: 3 })
    const { page } = await visit(http)
    const [ann, ben] = await panesOf(page)
    await textOf(ann).pressSequentially('Too fast')
    await page.getByRole('option', { name: 'error' }).first().waitFor()

    await reads(ben, 'Too fast')
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

    await panesOf(page, /Invalid authentication token \(1008\)\. This relay lets in only who brings a token/)
  })

  test.each([true, false])('says whether messages are kept for newcomers (%s)', async (kept) => {
    const { http } = await startRelay()
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.route('**/health', (route) => route.fulfill({ json: kept ? { history: { messages: 100 } } : {} }))
    await page.goto(http)
    await page.getByText(kept ? 'are kept in memory for newcomers' : 'It stores nothing.', { exact: !kept }).waitFor()

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
    await page.keyboard.press('Tab')
    await page.keyboard.type('By hand')
    await reads(ben, 'By hand')
    // Ben's two, the link, its button, and then the list of messages.
    for (let n = 0; n < 5; n++) await page.keyboard.press('Tab')
    await page.keyboard.press('Home')
    const first = page.getByRole('option').first()
    expect(await first.getAttribute('aria-selected')).toBe('true')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowUp')
    expect(await page.locator('#full').textContent()).toMatch(/^ws:/)
    expect(await page.getByRole('listbox').getAttribute('aria-activedescendant')).toBe(await first.getAttribute('id'))
  })

  test('tells screen readers of the state of the connections, and of nothing else', async () => {
    const { http } = await startRelay()
    const { page } = await visit(http)
    const [ann] = await panesOf(page)

    expect(await page.locator('[aria-live], [role=log], [role=alert], [role=status]').count()).toBe(2)
    expect(await ann.getByRole('textbox', { name: 'Shared text, as Ann' }).count()).toBe(1)
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

    await page.getByText('To try it here takes JavaScript').waitFor()
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

/** Waits for a pane to show a text. */
async function reads(pane: Locator, text: string): Promise<void> {
  await expect.poll(() => textOf(pane).inputValue(), { timeout: 10_000 }).toBe(text)
}

/** Waits for a pane to show a state. */
async function says(pane: Locator, state: string | RegExp): Promise<void> {
  const pattern = typeof state === 'string' ? new RegExp(`^${state}$`) : state
  await pane.getByRole('status').filter({ hasText: pattern }).waitFor()
}

/** What the page shows of a message that is chosen. */
async function fullTextAt(page: Page, line: Locator): Promise<string> {
  await line.click()
  return (await page.locator('#full').textContent()) ?? ''
}

async function urlsOn(page: Page): Promise<string[]> {
  return await page.locator('.urls code').allTextContents()
}
