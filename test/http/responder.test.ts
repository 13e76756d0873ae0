import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Responder } from '../../src/http/responder.js'
import type { Response } from '../../src/http/response.js'
import { createHttpServer } from '../../src/http/server.js'
import { RawClient, until, upgradeRequest } from '../support/raw.js'

const GET = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'

/** An HTTP server of the relay's kind, with a response of the test's own. */
async function serve(
  respond: () => Response | Promise<Response>,
  failed: (error: unknown) => void = () => {},
): Promise<{ port: number }> {
  const options = { joinTimeout: 10_000, keepAliveTimeout: 5000, maxConnections: 0 }
  const { server, stop } = createHttpServer(options, undefined, {
    respond,
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

const page: Response = { status: 200, headers: { 'Content-Length': '4' }, body: 'page' }

describe('a client that reads no response', () => {
  it('but asks on and on is cut off', async () => {
    const slow: Socket[] = []
    const server = createServer()
    const body = 'x'.repeat(2 ** 20)
    const responder = new Responder(
      {
        respond: () => ({ status: 200, headers: { 'Content-Length': String(body.length) }, body }),
        failed() {},
        limited: (_limit, socket) => socket && slow.push(socket),
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

describe('a response', () => {
  it('may take its time, and its connection is good for the next', async () => {
    const client = await RawClient.connect(await serve(async () => page))
    for (let i = 0; i < 2; i++) {
      expect(await client.write(GET).head()).toMatchObject({ status: 200 })
      expect(await client.body(4)).toBe('page')
    }
  })

  it('that is being made is not overtaken by a WebSocket asked for behind it', async () => {
    let finish = (_made: Response): void => {}
    const made = new Promise<Response>((resolve) => {
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
    ['made at once', (): Response => unwritable],
    ['made in time', async (): Promise<Response> => unwritable],
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
})

/** Node refuses a header whose name has a space. */
const unwritable = { status: 200, headers: { 'a header': 'x' }, body: 'page' }

function raise(): never {
  throw new Error('secret')
}
