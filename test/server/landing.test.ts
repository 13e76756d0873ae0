import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { dialectNames } from '../../src/dialects/dialect.js'
import type { Relay } from '../../src/index.js'
import { describeInChromium, launchChromium } from '../support/chromium.js'
import { startRelay } from '../support/relay.js'

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

    expect(Buffer.byteLength(body)).toBeLessThan(12_000)
    expect(body).not.toMatch(/\ssrc=|@import|url\(|\son[a-z]+=|\sstyle=/)
  })

  test.each(dialectNames)(
    'lists the WebSocket URLs of %s and of nothing else, if that alone is served',
    async (name) => {
      const { http } = await startRelay({ dialects: [name] })
      const body = await (await fetch(http)).text()

      expect([...body.matchAll(/<dt id="(.+?)"/g)].map(([, dt]) => dt)).toEqual([name])
      expect([...body.matchAll(/>ws:\/\/host\/(.*?)</g)].map(([, path]) => path)).toEqual(URLS[name])
    },
  )

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

  test.each(dialectNames)('has two panes that talk through %s, if that alone is served', async (dialect) => {
    const { relay, http } = await startRelay({ dialects: [dialect] })
    const joined = bothJoined(relay)
    const { page, complaints } = await visit(http)
    const [ann, ben] = panesOf(page)
    await says(ann, 'Connected')
    await says(ben, 'Connected')
    await joined

    await ann.getByLabel('Ann says').fill('Hello Ben')
    await ann.getByLabel('Ann says').press('Enter')
    await ben.getByText('Ann: Hello Ben').waitFor()
    await ben.getByLabel('Ben says').fill('Grüße 👋')
    await ben.getByRole('button', { name: 'Send' }).click()
    await ann.getByText('Ben: Grüße 👋').waitFor()

    expect(await linesOf(ann)).toEqual(['You: Hello Ben', 'Ben: Grüße 👋'])
    expect(await linesOf(ben)).toEqual(['Ann: Hello Ben', 'You: Grüße 👋'])
    expect(complaints).toEqual([])
  })

  test('speaks impossible-writer if all dialects are served', async () => {
    const { http } = await startRelay()
    const { page } = await visit(http)

    await page.getByText('speak impossible-writer').waitFor()
  })

  test('fills in the address at which the visitor found it', async () => {
    const { http, url } = await startRelay()
    const { page } = await visit(http)

    expect(await urlsOn(page)).toEqual(Object.values(URLS).flatMap((paths) => paths.map((path) => `${url}/${path}`)))
  })

  test('fills in wss, and the path of a proxy, if it came over https from below that path', async () => {
    const { http, port } = await startRelay({ dialects: ['pluresdb'] })
    const answer = await fetch(http)
    const [body, headers] = [await answer.text(), Object.fromEntries(answer.headers)]
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.route(/^https:/, (route) => route.fulfill({ body, headers }))
    await page.goto(`https://127.0.0.1:${port}/tools/baton/?from=here#top`)

    const base = `wss://127.0.0.1:${port}/tools/baton/`
    expect(await urlsOn(page)).toEqual([`${base}pluresdb`, base])
    // Nobody speaks TLS there.
    await says(panesOf(page)[0], 'Closed: no connection (1006)')
  })

  test('shows what was said as text, never as markup', async () => {
    const { relay, http } = await startRelay()
    const joined = bothJoined(relay)
    const { page, complaints } = await visit(http)
    const [ann, ben] = panesOf(page)
    await says(ann, 'Connected')
    await joined
    const markup = '<img src=x onerror=alert(1)><b>bold</b>'
    await ann.getByLabel('Ann says').fill(markup)
    await ann.getByLabel('Ann says').press('Enter')
    await ben.getByText(`Ann: ${markup}`).waitFor()

    expect(await page.locator('img, b').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('shows why the relay closed a connection, keeps what could not be sent, and connects again', async () => {
    let allowed = false
    const { relay, http } = await startRelay({ authorize: () => allowed })
    const { page } = await visit(http)
    const [ann, ben] = panesOf(page)
    await says(ann, 'Closed: Not allowed (1008)')
    await says(ben, 'Closed: Not allowed (1008)')
    await ann.getByLabel('Ann says').fill('Hello?')
    await ann.getByLabel('Ann says').press('Enter')
    await ann.getByText('Not sent: there is no connection').waitFor()
    expect(await ann.getByLabel('Ann says').inputValue()).toBe('Hello?')

    allowed = true
    const joined = bothJoined(relay)
    for (const pane of [ann, ben]) {
      await pane.getByRole('button', { name: 'Connect' }).click()
      await says(pane, 'Connected')
    }
    await joined
    await ann.getByLabel('Ann says').press('Enter')
    await ben.getByText('Ann: Hello?').waitFor()
    expect(await linesOf(ben)).toEqual(['Ann: Hello?'])
  })

  test('shows what the relay answers to a message that it refuses', async () => {
    const { http } = await startRelay({ rateLimit: 1, rateLimitWindow: '1h' })
    const { page } = await visit(http)
    const [ann] = panesOf(page)
    await says(ann, 'Connected')
    for (const message of ['one', 'two']) {
      await ann.getByLabel('Ann says').fill(message)
      await ann.getByLabel('Ann says').press('Enter')
    }

    await ann.getByText('Relay: Rate limit exceeded (1 messages/3600000 ms)').waitFor()
  })

  test('can be used with the keyboard alone', async () => {
    const { relay, http } = await startRelay()
    const { page } = await visit(http)
    const [ann, ben] = panesOf(page)
    await says(ann, 'Connected')
    await says(ben, 'Connected')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await says(ann, 'Closed: Disconnected here (1000)')
    const joined = bothJoined(relay)
    await page.keyboard.press('Enter')
    await says(ann, 'Connected')
    await joined
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.type('By hand')
    await page.keyboard.press('Enter')

    await ben.getByText('Ann: By hand').waitFor()
  })

  test.each([320, 375, 1280])('fits a window %i pixels wide', async (width) => {
    const { http } = await startRelay()
    const { page } = await visit(http, { viewport: { width, height: 700 } })
    const [ann, ben] = panesOf(page)
    await says(ann, 'Connected')

    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    expect((await ann.boundingBox())?.y === (await ben.boundingBox())?.y).toBe(width === 1280)
  })

  test('is of use without script', async () => {
    const { http } = await startRelay({ dialects: ['opaque'] })
    const { page } = await visit(http, { javaScriptEnabled: false })

    await page.getByText('The two panes need JavaScript').waitFor()
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

function panesOf(page: Page): [Locator, Locator] {
  return [page.getByRole('article', { name: 'Ann' }), page.getByRole('article', { name: 'Ben' })]
}

/** Waits for a pane to show a state. */
async function says(pane: Locator, state: string): Promise<void> {
  await pane.locator(`[role=status]:text-is("${state}")`).waitFor()
}

async function linesOf(pane: Locator): Promise<string[]> {
  return await pane.getByRole('log').locator('p').allTextContents()
}

async function urlsOn(page: Page): Promise<string[]> {
  return await page.locator('[data-path]').allTextContents()
}

/** Resolves when both panes are in the room. What was sent before that would rightly be lost. */
async function bothJoined(relay: Relay): Promise<void> {
  await new Promise<void>((resolve) => {
    relay.on('join', ({ count }) => {
      if (count === 2) resolve()
    })
  })
}
