import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Responder } from '../../src/http/responder.js'
import { answerTo, createPages, type Page } from '../../src/http/routes.js'
import { createHttpServer } from '../../src/http/server.js'
import { MetricsRegistry } from '../../src/observability/metrics-registry.js'
import type { Answer } from '../../src/websocket/handshake.js'
import { attachRelay } from '../support/attached.js'
import { stopClocks } from '../support/clock.js'
import { closing, frame, Op, RawClient, until, upgradeRequest } from '../support/raw.js'
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

/** An HTTP server of the relay's kind, with an answer of the test's own. */
async function serve(
  answer: () => Answer | Promise<Answer>,
  failed: (error: unknown) => void = () => {},
): Promise<{ port: number }> {
  const options = { joinTimeout: 10_000, keepAliveTimeout: 5000, maxConnections: 0 }
  const { server, stop } = createHttpServer(options, undefined, {
    answer,
    upgrade(_request, socket) {
      socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n')
      return false
    },
    limited() {},
    failed,
    acceptFailed: failed,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(stop)
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

describe('a sender that is slowed down', () => {
  it('is not read any further, not even what has come with the message that was too many', async () => {
    const { pass } = stopClocks()
    const relay = await startRelay({ throttle: 10 })
    const reader = await relay.open('/raw/doc')
    const sender = await RawClient.open(relay, '/raw/doc')
    const hit = limitsHit(relay.relay)
    let slowed = once(relay.relay, 'limit')
    sender.write(Buffer.concat(Array.from({ length: 25 }, (_, i) => frame(Op.text, String(i)))))
    await slowed
    // Its place in the room has cost a tenth of a message (core/work-cost.ts).
    expect(await reader.settled()).toHaveLength(10)
    slowed = once(relay.relay, 'limit')
    pass(1)
    await slowed
    expect(await reader.settled()).toHaveLength(10)
    pass(1)
    for (let i = 20; i < 25; i++) expect(await reader.next()).toEqual({ text: String(i) })
    expect(hit).toEqual(['throttle', 'throttle'])
  })

  it('is slowed down by its pings as well', async () => {
    const { pass } = stopClocks()
    const relay = await startRelay({ throttle: 10 })
    const witness = await relay.open('/raw/doc')
    const sender = await RawClient.open(relay, '/raw/doc')
    const pongs: (string | undefined)[] = []
    const read = async (): Promise<void> => {
      while (pongs.length < 25) pongs.push((await sender.frame())?.payload.toString())
    }
    let slowed = once(relay.relay, 'limit')
    sender.write(Buffer.concat(Array.from({ length: 25 }, (_, i) => frame(Op.ping, String(i)))))
    const all = read()
    // Ten a second are fine; the one behind them is answered as well, before the pause.
    for (const answered of [11, 21]) {
      await slowed
      await witness.settled()
      expect(pongs).toHaveLength(answered)
      slowed = once(relay.relay, 'limit')
      pass(1)
    }
    await all
    expect(pongs).toEqual(Array.from({ length: 25 }, (_, i) => String(i)))
  })

  it('can still say goodbye, behind what waits', async () => {
    const relay = await startRelay({ throttle: 10 })
    const sender = await RawClient.open(relay, '/raw/doc')
    const slowed = once(relay.relay, 'limit')
    sender.write(Buffer.concat(Array.from({ length: 15 }, () => frame(Op.text, 'x'))), frame(Op.close, closing(1000)))
    await slowed
    const stopped = relay.relay.close({ drain: 0 })
    expect(await sender.close()).toEqual({ code: 1001, reason: 'Server shutting down' })
    sender.socket.end()
    await stopped
  })
})

describe('what comes in one read of the socket', () => {
  it('is answered in a few writes, in order, and ahead of a close', async () => {
    const { port, sockets, relay } = await attachRelay({ rateLimit: 1 })
    const client = await RawClient.open({ port }, '/room/doc')
    expect(await client.json()).toMatchObject({ type: 'connected' })
    const write = vi.spyOn(sockets[0] ?? ({} as Socket), 'write')
    client.write(Buffer.concat(Array.from({ length: 20 }, () => frame(Op.text, '{"type":"x"}'))))
    for (let i = 0; i < 10; i++) expect(await client.json()).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' })
    expect(await client.close()).toEqual({ code: 1008, reason: 'Too many messages over the rate limit' })
    expect(write).toHaveBeenCalledTimes(2)
    expect(relay.stats().rateLimitsHit).toBe(11)
  })

  it.each([
    ['messages', Op.text],
    ['pings', Op.ping],
    ['pongs', Op.pong],
  ])('has others waiting for a part of it alone: %s', async (_name, opcode) => {
    const { port, sockets } = await attachRelay({ throttle: 0 })
    const client = await RawClient.open({ port }, '/raw/doc')
    // Whoever has a turn between two parts finds the socket paused, with the rest in memory.
    let turns = 0
    let over = false
    const watch = (): void => {
      if (sockets[0]?.isPaused()) turns++
      if (!over) setImmediate(watch)
    }
    watch()
    client.write(Buffer.concat(Array.from({ length: 4000 }, () => frame(opcode, 'x'))))
    await client.answers()
    over = true
    expect(turns).toBeGreaterThanOrEqual(4000 / 256 - 1)
  })

  it('may be pongs as many as messages, and no more', async () => {
    const { port, relay } = await attachRelay({ throttle: 10 })
    const hit = limitsHit(relay)
    const client = await RawClient.open({ port }, '/raw/doc')
    client.write(Buffer.concat(Array.from({ length: 15 }, () => frame(Op.pong))))
    await client.answers()
    expect(hit).toEqual(['throttle'])
  })
})

describe('a client that floods on after it was closed', () => {
  it('is not read any more, and soon cut off', async () => {
    const { port, sockets } = await attachRelay({ rateLimit: 1 })
    const client = await RawClient.open({ port }, '/room/doc')
    const messages = frame(Op.text, '{"type":"x"}').toString('latin1').repeat(1_000_000)
    client.socket.write(messages, 'latin1')
    expect(await client.close()).toMatchObject({ code: 1008 })
    await client.gone()
    expect(sockets[0]?.bytesRead).toBeLessThan(512 * 1024)
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
    await client.drip([Buffer.from(GET + upgradeRequest())])
    finish(page)
    expect(await client.head()).toMatchObject({ status: 200 })
    expect(await client.body(4)).toBe('page')
    expect(await client.head()).toMatchObject({ status: 101 })
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

  it.each([
    ['made at once', (): Answer => unwritable],
    ['made in time', async (): Promise<Answer> => unwritable],
  ])('%s that cannot be written costs its own connection alone (10.1)', async (_how, make) => {
    const faults: unknown[] = []
    const server = await serve(make, (error) => faults.push(error))
    const client = await RawClient.connect(server)
    expect(await client.write(GET).head()).toBeUndefined()
    expect(faults).toEqual([expect.any(TypeError)])
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
    const answered = await answerTo(createPages(report, make, new MetricsRegistry()), {
      url: '/?x=1',
      rawHeaders: [],
    } as unknown as Parameters<typeof answerTo>[1])
    expect(answered.body).toBe('/?x=1')
  })
})

/** Node refuses a header whose name has a space. */
const unwritable = { status: 200, headers: { 'a header': 'x' }, body: 'page' }

function raise(): never {
  throw new Error('secret')
}
