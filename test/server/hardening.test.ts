import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answerTo, createPages, type Page } from '../../src/server/http.js'
import { createHttpServer } from '../../src/server/listener.js'
import { Responder } from '../../src/server/respond.js'
import type { Answer } from '../../src/server/upgrade.js'
import { RawClient, until, upgradeRequest } from '../support/raw.js'
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

/** An HTTP server of the relay's kind, with an answer of the test's own. */
async function serve(
  answer: () => Answer | Promise<Answer>,
  failed: (error: unknown) => void = () => {},
): Promise<{ port: number }> {
  const server = createHttpServer({ joinTimeout: 10_000, maxConnections: 0 }, undefined, {
    answer,
    upgrade: (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'),
    limited() {},
    failed,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return server.address() as AddressInfo
}

const page = { status: 200, headers: { 'Content-Length': '4' }, body: 'page' }

describe('a client that reads no answer', () => {
  it('but asks on and on is cut off', async () => {
    const slow: Socket[] = []
    const server = createServer()
    const body = 'x'.repeat(2 ** 20)
    const responder = new Responder(
      {
        answer: () => ({ status: 200, headers: { 'Content-Length': String(body.length) }, body }),
        failed() {},
        limited: (_limit, socket) => slow.push(socket),
      },
      200,
    )
    server.on('request', (request, response) => responder.respond(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      responder.stop()
      server.close()
    })
    const client = await RawClient.connect(server.address() as AddressInfo)
    client.socket.pause()
    client.write(GET.repeat(50))
    await until(() => slow.length > 0)
    await until(() => slow.every(({ destroyed }) => destroyed))
    expect(slow).toHaveLength(1)
  })
})

describe('a page', () => {
  it('may take its time, and its connection is good for the next', async () => {
    const client = await RawClient.connect(await serve(async () => page))
    for (let i = 0; i < 2; i++) {
      expect(await client.write(GET).head()).toMatchObject({ status: 200 })
      expect(await client.body(4)).toBe('page')
    }
  })

  it('that is being made is not overtaken by a WebSocket asked for behind it', async () => {
    let finish = (_made: Answer): void => {}
    const made = new Promise<Answer>((resolve) => {
      finish = resolve
    })
    const client = await RawClient.connect(await serve(() => made))
    client.write(GET + upgradeRequest())
    expect(await client.head()).toBeUndefined()
    finish(page)
  })

  it.each([
    ['throws', (): never => raise()],
    ['rejects', async (): Promise<never> => raise()],
  ])('that %s is answered with 500 and told to the log alone', async (_how, fail) => {
    const faults: unknown[] = []
    const client = await RawClient.connect(await serve(fail, (error) => faults.push(error)))
    const head = await client.write(GET).head()
    expect(head).toMatchObject({ status: 500, headers: { connection: 'close' } })
    expect(await client.body(Number(head?.headers['content-length']))).toBe('Internal error\n')
    expect(faults).toEqual([new Error('secret')])
  })

  it('may be a stream, also where an upgrade to something else is ignored', async () => {
    const port = await serve(() => ({ status: 200, headers: {}, body: Readable.from(['one ', 'two']) }))
    for (const request of [GET, upgradeRequest('/', { Upgrade: 'h2c' })]) {
      const client = await RawClient.connect(port)
      expect(await client.write(request).head()).toMatchObject({ status: 200 })
      expect(await client.body(7)).toContain('one')
    }
  })

  it('gets the request', async () => {
    const make = ({ url = '' }: IncomingMessage): Page => ({ status: 200, type: 'text/plain', body: url })
    const report = {} as Parameters<typeof createPages>[0]
    const answered = await answerTo(
      createPages(report, () => false, make),
      {
        url: '/?x=1',
        rawHeaders: [],
      } as unknown as Parameters<typeof answerTo>[1],
    )
    expect(answered.body).toBe('/?x=1')
  })
})

function raise(): never {
  throw new Error('secret')
}
