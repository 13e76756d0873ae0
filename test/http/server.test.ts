import { describe, expect, it } from 'vitest'
import { RawClient, upgradeRequest } from '../support/raw.js'
import { limitsHit, startRelay } from '../support/relay.js'

const GET = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'

describe('a request', () => {
  it.each([
    ['line that is too long', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 'headers'],
    ['header that is too long', `GET / HTTP/1.1\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, 431, 'headers'],
    ['with too many headers', `GET / HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(100)}\r\n`, 431, 'headers'],
    ['that is no HTTP', '\x16\x03\x01\x02\x00\r\n\r\n', 400, 'bad-request'],
    ['that never ends', 'GET / HTTP/1.1\r\nHost: x\r\n', 408, 'handshake-timeout'],
    ['that never begins', '', 408, 'handshake-timeout'],
    ['for a WebSocket with too many headers', upgradeRequest('/', { 'X-A': 'a\r\nX-A: '.repeat(100) }), 431, 'headers'],
    ['for a WebSocket that is none', upgradeRequest('/', { 'Sec-WebSocket-Key': 'x' }), 400, 'bad-request'],
  ])('%s is refused by name', async (_name, bytes, status, limit) => {
    const relay = await startRelay({ joinTimeout: 300 })
    const hit = limitsHit(relay.relay)
    const client = await RawClient.connect(relay)
    expect(await client.write(bytes).head()).toMatchObject({ status })
    expect(hit).toEqual([limit])
    client.socket.end()
    await client.gone()
  })

  it('is the last of its connection after a hundred', async () => {
    const relay = await startRelay()
    const client = await RawClient.connect(relay)
    for (let i = 1; i <= 100; i++) {
      const head = await client.write(GET).head()
      expect(head).toMatchObject({ status: 200, headers: { connection: i === 100 ? 'close' : 'keep-alive' } })
      await client.body(Number(head?.headers['content-length']))
    }
    await client.ended()
  })
})

describe('a client that pipelines more requests than a connection may carry', () => {
  it('is cut off by name', async () => {
    const relay = await startRelay()
    const hit = limitsHit(relay.relay)
    const client = await RawClient.connect(relay)
    client.write(GET.repeat(1000)).socket.end()
    await client.gone()
    expect(hit).toEqual(['requests'])
  })
})

describe('a body, of which no page has any use', () => {
  it.each([
    ['Content-Length: 1000000000', 'x'.repeat(100_000)],
    ['Transfer-Encoding: chunked', `186a0\r\n${'x'.repeat(100_000)}\r\n`],
  ])('is not read: the connection ends with the answer (%s)', async (header, body) => {
    const relay = await startRelay()
    const client = await RawClient.connect(relay)
    const head = await client.write(`POST /health HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`).head()
    expect(head).toMatchObject({ status: 405, headers: { connection: 'close' } })
    client.write(body)
    client.socket.end()
    await client.gone()
  })
})
