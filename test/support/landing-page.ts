import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

/** The paths that the page lists, by dialect. */
export const URLS = {
  'impossible-writer': ['room/{id}', '?room={id}'],
  pluresdb: ['pluresdb', ''],
  'y-webrtc': ['y-webrtc', ''],
  opaque: ['gun', 'gun/{topic}', 'raw/{room}'],
}

/** Opens the page of a relay in a browser context of its own, with what the browser has to complain about it. */
export async function visit(
  browser: Browser,
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

/** The panes of a page, when all of them show a state: two, or one for a visitor with a link. */
export async function panesOf(page: Page, state: string | RegExp = 'Connected'): Promise<[Locator, Locator]> {
  const panes = await page.getByRole('article').all()
  for (const pane of panes) await says(pane, state)
  return panes as [Locator, Locator]
}

/** Where a member types. */
export function textOf(pane: Locator): Locator {
  return pane.getByRole('textbox')
}

/** Types a message and sends it. */
export async function say(pane: Locator, text: string): Promise<void> {
  await textOf(pane).fill(text)
  await textOf(pane).press('Enter')
}

/** Waits for a pane to show a message. */
export async function hears(pane: Locator, text: string | RegExp): Promise<void> {
  await pane
    .getByRole('log')
    .locator('p')
    .filter({ hasText: exactly(text) })
    .first()
    .waitFor()
}

/** Waits for a pane to show a state. */
export async function says(pane: Locator, state: string | RegExp): Promise<void> {
  await pane
    .getByRole('status')
    .filter({ hasText: exactly(state) })
    .waitFor()
}

function exactly(text: string | RegExp): RegExp {
  return typeof text === 'string' ? new RegExp(`^${text.replaceAll(/[^\w\s]/gu, '\\$&')}$`) : text
}
