import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { dialectNames } from '../../src/dialects/dialect.js'
import { URLS } from '../support/landing-page.js'
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

/** The text of the one element of its kind. */
function only(html: string, tag: string): string {
  const [first, ...others] = [...html.matchAll(new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, 'gs'))]
  expect(others).toEqual([])
  return first?.[1] ?? ''
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
