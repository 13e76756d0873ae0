import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startRelay } from '../support/relay.js'

/** Sends bytes, and reads until the other side ends. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(bytes)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString()
  })
  await once(socket, 'close')
  return answer
}

describe('GET /health', () => {
  it('has the fields of both parents', async () => {
    const { open, http } = await startRelay()
    const peer = await open('/')
    peer.send({ type: 'join', topic: 't' })
    await peer.settled()
    await (await open('/room/doc')).json()
    await (await open('/raw/doc')).settled()
    const response = await fetch(`${http}/health`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const health = (await response.json()) as Record<string, unknown>
    expect(health).toEqual({
      status: 'healthy',
      uptime: expect.any(Number),
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      rooms: 3,
      connections: 3,
      topics: 1,
      peers: 1,
      memory: { heapUsed: expect.stringMatching(/^\d+MB$/), heapTotal: expect.stringMatching(/^\d+MB$/) },
    })
  })
})

describe('GET /stats', () => {
  it('counts over all dialects', async () => {
    const { open, http, relay } = await startRelay({ rateLimit: 1, rateLimitWindow: '1m' })
    const [a, b] = [await open('/raw/doc'), await open('/raw/doc')]
    a.send('one')
    await b.next()
    const writer = await open('/room/doc')
    await writer.json()
    writer.send({ type: 'one' }).send({ type: 'two' })
    await writer.json()
    await b.leave()
    const stats = (await (await fetch(`${http}/stats?query=1`)).json()) as Record<string, unknown>
    expect(stats).toEqual({ ...relay.stats(), uptime: expect.any(Number), uptimeFormatted: expect.any(String) })
    expect(stats).toMatchObject({
      messagesRelayed: 2,
      connectionsTotal: 3,
      disconnectionsTotal: 1,
      rateLimitsHit: 1,
      currentRooms: 2,
      currentConnections: 2,
      topics: 0,
      peers: 0,
      uptimeFormatted: '0s',
    })
    expect(Math.abs(Number(stats['startTime']) - Date.now())).toBeLessThan(20_000)
  })
})

describe('HTTP', () => {
  it('answers anything else with 404 and where the WebSockets are', async () => {
    const { http } = await startRelay()
    const response = await fetch(`${http}/elsewhere`)
    expect(response.status).toBe(404)
    expect(await response.text()).toContain('Use WebSocket endpoint: ws://host/room/{roomId}')
  })

  it.each(['/health', '/stats', '/metrics', '/ice-servers'])(
    'answers %s with a slash behind it as without (10.39)',
    async (path) => {
      const { http } = await startRelay({ stunUrls: 'stun:127.0.0.1:3478' })
      const [plain, slash] = [await fetch(http + path), await fetch(`${http}${path}/`)]
      expect([plain.status, slash.status]).toEqual([200, 200])
      expect(slash.headers.get('content-type')).toBe(plain.headers.get('content-type'))
    },
  )

  it.each(['/', '/health', '/stats', '/metrics'])('answers HEAD %s as GET, without a body', async (path) => {
    const { http } = await startRelay()
    const [get, head] = [await fetch(http + path), await fetch(http + path, { method: 'HEAD' })]
    expect(head.status).toBe(200)
    expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'))
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(0)
    expect(await head.text()).toBe('')
  })

  it.each(['/', '/health', '/stats', '/metrics'])(
    'tells OPTIONS %s what is allowed, and refuses the rest',
    async (path) => {
      const { http } = await startRelay()
      const options = await fetch(http + path, { method: 'OPTIONS' })
      expect(options.status).toBe(204)
      expect(options.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        const refused = await fetch(http + path, { method })
        expect(refused.status).toBe(405)
        expect(refused.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
      }
    },
  )

  it.each(['/', '/health', '/elsewhere'])('sets security headers on %s, and names no software', async (path) => {
    const { http } = await startRelay()
    const { headers } = await fetch(http + path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('server')).toBeNull()
    expect(headers.get('x-powered-by')).toBeNull()
  })

  it.each([
    ['/health', '"status": "healthy"'],
    ['/metrics', '\nbaton_connections 0\n'],
  ])('ignores an upgrade of %s to something else than a WebSocket, such as h2c', async (path, text) => {
    const { port } = await startRelay()
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n`
    const answer = await exchange(port, request)
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toContain(text)
  })
})
