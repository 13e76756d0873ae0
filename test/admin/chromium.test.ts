import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { RelayOptions } from '../../src/index.js'
import { describeInChromium, launchChromium } from '../support/chromium.js'
import type { Client } from '../support/client.js'
import { signIn, TOKEN } from '../support/dashboard.js'
import { startRelay, type TestRelay } from '../support/relay.js'

describeInChromium('the dashboard in Chromium', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchChromium()
    return () => browser.close()
  })

  interface Visit extends TestRelay {
    page: Page
    clients: Client[]
    /** What the browser has to complain about: errors, and what the policy has kept from running. */
    complaints: string[]
  }

  /** Opens the dashboard of a relay to which clients are connected, signed in. */
  async function visit(
    paths: readonly string[] = [],
    options: RelayOptions = {},
    context: BrowserContextOptions = {},
  ): Promise<Visit> {
    const relay = await startRelay({ adminToken: TOKEN, ...options })
    const clients = []
    for (const path of paths) clients.push(await relay.open(path))
    const page = await browser.newPage(context)
    onTestFinished(() => page.close())
    const [name = '', value = ''] = (await signIn(relay.http)).split('=')
    await page.context().addCookies([{ name, value, domain: '127.0.0.1', path: '/dashboard' }])
    const complaints: string[] = []
    page.on('console', (line) => complaints.push(line.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => {
      if (!request.url().startsWith(relay.http) && !request.url().startsWith('data:')) complaints.push(request.url())
    })
    await page.goto(`${relay.http}/dashboard`)
    await page.getByText('healthy').waitFor()
    return { ...relay, clients, page, complaints }
  }

  test('asks again after a wrong token, with its style, and lets in with the right one', async () => {
    const { http } = await startRelay({ adminToken: TOKEN })
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    await page.goto(`${http}/dashboard`)
    await page.keyboard.type('a wrong guess')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('That is not the admin token.').waitFor()
    expect(await groundOf(page)).not.toBe('rgba(0, 0, 0, 0)')
    await page.keyboard.type(TOKEN)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'The last hour' }).waitFor()
    expect(page.url()).toBe(`${http}/dashboard`)
  })

  test('shows the rooms and who is in them, live, and breaks no rule of its policy', async () => {
    const { page, complaints, open } = await visit(['/room/doc'])
    await open('/room/doc')
    const row = page.getByRole('row').filter({ hasText: 'impossible-writer' })
    await row.getByRole('cell', { name: '2', exact: true }).waitFor()
    await row.getByRole('button').click()
    await page
      .getByRole('button', { name: /^Disconnect / })
      .nth(1)
      .waitFor()
    for (const title of ['Connections', 'Rooms', 'Messages', 'Bytes', 'Memory', 'Event-loop lag']) {
      await page.getByRole('figure').filter({ hasText: title }).locator('canvas').waitFor()
    }
    expect(complaints).toEqual([])
  })

  test('shows names as text, never as markup', async () => {
    const markup = '<img src=x onerror=alert(1)><b>x</b>'
    const { page, complaints, clients } = await visit(
      ['/pluresdb', `/room/doc?nickname=${encodeURIComponent(`nick${markup}`)}`],
      { logRoomNames: true, authorize: () => ({ user: `user${markup}` }) },
    )
    clients[0]?.send({ type: 'join', topic: `room${markup}`, peerId: `peer${markup}` })
    await page.getByRole('button', { name: `room${markup}` }).click()
    const member = page.getByRole('row').filter({ hasText: `peer${markup}` })
    await member.filter({ hasText: `user${markup}` }).waitFor()
    expect(await page.locator('img, b').count()).toBe(0)

    await page.getByRole('button', { name: 'doc', exact: true }).click()
    await page
      .getByRole('row')
      .filter({ hasText: `nick${markup}` })
      .waitFor()
    expect(await page.locator('img, b').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  test('disconnects a member, closes a room, and drains the node, with the keyboard alone', async () => {
    const { page, clients, relay } = await visit(['/room/doc', '/room/doc'])
    const [ann, ben] = clients
    const { connectionId } = (await ann?.json()) ?? {}
    await page.getByRole('button', { name: /^[\da-f]{12}$/ }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: `Disconnect ${connectionId}` }).focus()
    await page.keyboard.press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByText(String(connectionId)).waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await ann?.closed()).toEqual({ code: 1008, reason: 'Disconnected by an operator' })
    await page.getByRole('status').getByText('Member disconnected.').waitFor()

    await page.getByRole('button', { name: 'Close the room' }).focus()
    await page.keyboard.press('Enter')
    await dialog.waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    expect(await focused(page)).toBe('Close the room')
    await page.keyboard.press('Enter')
    await dialog.waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await ben?.closed()).toEqual({ code: 1008, reason: 'Room closed by an operator' })
    await page.getByText('This room is gone.').waitFor()

    await page.getByRole('button', { name: 'Drain this node' }).focus()
    await page.keyboard.press('Enter')
    await dialog.getByLabel('Type “drain” to go on').waitFor()
    await page.keyboard.type('drian')
    await page.keyboard.press('Enter')
    expect(relay.stats().currentConnections).toBe(0)
    await dialog.waitFor()
    await page.keyboard.press('Control+A')
    await page.keyboard.type('drain')
    const closing = new Promise((resolve) => relay.once('closing', resolve))
    await page.keyboard.press('Enter')
    await closing
    await page.getByRole('status').getByText('no connection to the relay').waitFor()
  })

  test('has the rooms ranked otherwise at the press of a button, and says by what they are', async () => {
    const { page } = await visit(['/raw/old', '/raw/full', '/raw/full'], { logRoomNames: true })
    const first = page.locator('.scroll tbody th').first()
    // Rows do not move away from under the pointer.
    await page.mouse.move(0, 0)
    await first.getByText('raw/full').waitFor()
    const age = page.getByRole('columnheader', { name: 'Age', exact: true })
    expect(await age.getAttribute('aria-sort')).toBe('none')
    await age.getByRole('button').press('Enter')
    await first.getByText('raw/old').waitFor()
    expect(await age.getAttribute('aria-sort')).toBe('descending')
    await age.getByRole('button').press('Enter')
    await first.getByText('raw/full').waitFor()
    expect(await age.getAttribute('aria-sort')).toBe('ascending')
  })

  test('says each chart in words, and has little to say unasked', async () => {
    const { page } = await visit(['/raw/x'])
    const figure = page.getByRole('figure').filter({ has: page.getByRole('heading', { name: 'Connections' }) })
    await figure.locator('strong').getByText('1', { exact: true }).waitFor()
    const spoken = await page.locator('[role=status], [aria-live]').allTextContents()
    expect(spoken).toEqual(['healthy', ''])
  })

  test('takes no updates while it is out of sight', async () => {
    const { page } = await visit()
    const ended = page.waitForEvent('requestfailed', (request) => request.url().includes('/dashboard/events'))
    await page.evaluate(`Object.defineProperty(document, 'hidden', { value: true, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'))`)
    await ended
    await page.getByText('no connection to the relay').waitFor()
    await page.evaluate(`Object.defineProperty(document, 'hidden', { value: false, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'))`)
    await page.getByText('healthy').waitFor()
  })

  test('sends who is signed out back to the sign-in page', async () => {
    const { page, http } = await visit()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Admin token').waitFor()
    expect(page.url()).toBe(`${http}/dashboard`)
  })

  test('fits a phone, and follows its light and dark', async () => {
    const { page } = await visit(['/room/doc'], {}, { viewport: { width: 360, height: 740 } })
    await page.getByRole('button', { name: /^[\da-f]{12}$/ }).click()
    await page.getByRole('button', { name: /^Disconnect / }).waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const [ground = 0] = rgb(await groundOf(page))
      expect(ground > 128).toBe(colorScheme === 'light')
    }
  })
})

async function groundOf(page: Page): Promise<string> {
  return await page.evaluate('getComputedStyle(document.body).backgroundColor')
}

function rgb(color: string): number[] {
  return [...color.matchAll(/\d+/g)].map(Number)
}

async function focused(page: Page): Promise<string> {
  return await page.evaluate('document.activeElement.textContent')
}
