import { describe, expect, it } from 'vitest'
import { normalizeOrigin, Origins } from '../../src/auth/origins.js'
import { startRelay } from '../support/relay.js'

function allow(entry: string, origin: string): boolean {
  return new Origins([normalizeOrigin(entry) ?? '']).allow(origin)
}

describe('an allowed origin', () => {
  it.each([
    ['https://app.example.com', 'https://app.example.com'],
    ['https://APP.example.com', 'https://app.example.com'],
    ['https://app.example.com:443', 'https://app.example.com'],
    ['http://localhost:5173', 'http://localhost:5173'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://[::1]:8443', 'https://[::1]:8443'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['https://*.example.com', 'https://a.example.com'],
    ['https://*.example.com', 'https://a.b.example.com'],
    ['https://*.example.com:8443', 'https://a.example.com:8443'],
    ['null', 'null'],
  ])('%s lets %s in', (entry, origin) => {
    expect(allow(entry, origin)).toBe(true)
  })

  it.each([
    ['https://app.example.com', 'http://app.example.com'],
    ['https://app.example.com', 'https://app.example.com:8443'],
    ['https://app.example.com', 'https://app.example.com.evil.example'],
    ['https://app.example.com', 'https://evil.example/https://app.example.com'],
    ['https://app.example.com', 'https://app.example.com@evil.example'],
    ['https://app.example.com', 'https://xapp.example.com'],
    ['https://app.example.com', ''],
    ['https://app.example.com', 'null'],
    ['https://*.example.com', 'https://example.com'],
    ['https://*.example.com', 'https://.example.com'],
    ['https://*.example.com', 'https://evilexample.com'],
    ['https://*.example.com', 'https://a.example.com.evil.example'],
    ['https://*.example.com', 'https://evil.example/.example.com'],
    ['https://*.example.com', 'https://evil.example#.example.com'],
    ['https://*.example.com', 'https://evil.example:80@a.example.com'],
    ['https://*.example.com', 'http://a.example.com'],
    ['https://*.example.com', 'https://a.example.com:8443'],
    ['https://*.example.com', 'https://*.example.com'],
    ['https://*.example.com', 'https://a,b.example.com'],
  ])('%s keeps %s out', (entry, origin) => {
    expect(allow(entry, origin)).toBe(false)
  })

  it.each([
    '*',
    'example.com',
    'https://',
    'https://*',
    'https://*.',
    'https://a.*.example.com',
    'https://*example.com',
    'https://example.com/path',
    'https://example.com:port',
    'https://user@example.com',
    'Null',
  ])('cannot be %s', (entry) => {
    expect(normalizeOrigin(entry)).toBeUndefined()
  })
})

describe('a relay with allowed origins', () => {
  const allowedOrigins = 'https://app.example.com, https://*.example.org'

  it.each(['/', '/room/doc', '/raw/doc', '/nowhere'])('says why it closes at %s', async (path) => {
    const { open, relay } = await startRelay({ allowedOrigins })
    const denied: unknown[] = []
    relay.on('denied', (denial) => denied.push(denial))
    const page = await open(path, { headers: { Origin: 'https://evil.example' } })
    expect(await page.next()).toEqual({ code: 1008, reason: 'Origin not allowed' })
    expect(denied).toEqual([expect.objectContaining({ why: 'origin', address: '127.0.0.1' })])
    expect(relay.stats()).toMatchObject({ currentConnections: 0, currentRooms: 0 })
  })

  it('lets them in, and clients that are no browser', async () => {
    const { open } = await startRelay({ allowedOrigins })
    for (const headers of [{ Origin: 'https://app.example.com' }, { Origin: 'https://a.b.example.org' }, {}]) {
      expect(await (await open('/room/doc', { headers: headers as Record<string, string> })).json()).toMatchObject({
        type: 'connected',
      })
    }
  })

  it('turns clients without an origin away if it is told to', async () => {
    const { open } = await startRelay({ allowedOrigins, requireOrigin: true })
    expect(await (await open('/room/doc')).next()).toEqual({ code: 1008, reason: 'Origin not allowed' })
    const page = await open('/room/doc', { headers: { Origin: 'https://app.example.com' } })
    expect(await page.json()).toMatchObject({ type: 'connected' })
  })

  it('asks neither for a token nor the hook for a page that it turns away', async () => {
    const { open } = await startRelay({
      allowedOrigins,
      authorize: () => {
        throw new Error('asked')
      },
    })
    const page = await open('/room/doc', { headers: { Origin: 'null' } })
    expect(await page.next()).toEqual({ code: 1008, reason: 'Origin not allowed' })
  })
})
