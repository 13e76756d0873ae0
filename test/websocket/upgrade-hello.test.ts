import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Relay, type RelayOptions } from '../../src/index.js'
import { UpgradeHello } from '../../src/websocket/handshake.js'
import { Client } from '../support/client.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Opens an idle connection at a path, and watches over its upgrade request. */
async function requestOf(path: string, options: RelayOptions): Promise<WeakRef<IncomingMessage>> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  let held: WeakRef<IncomingMessage> | undefined
  server.on('upgrade', (request) => {
    held = new WeakRef(request)
  })
  const relay = new Relay({ logLevel: 'silent', ...options }).attach(server)
  const client = await Client.open(`ws://127.0.0.1:${(server.address() as AddressInfo).port}${path}`)
  onTestFinished(async () => {
    client.drop()
    await relay.close({ drain: 0 })
    server.close()
  })
  await client.settled()
  if (!held) throw new Error('No upgrade')
  return held
}

describe('an idle connection keeps nothing of its upgrade request (10.26)', () => {
  it.each<[string, RelayOptions]>([
    ['/raw/doc', { authorize: () => true }],
    ['/raw/doc', { authorize: async () => true }],
    ['/room/doc', { authorize: () => true }],
    // Where the first message has yet to decide.
    ['/', {}],
    ['/', { authorize: () => true }],
  ])('at %s with %j', async (path, options) => {
    const request = await requestOf(path, options)
    await expect
      .poll(() => {
        collect()
        return request.deref()
      })
      .toBeUndefined()
  })
})

describe('what an upgrade request said', () => {
  const request = {
    url: '/room/doc/?a=1&b=%C3%A9&a=2',
    headers: { host: 'x', cookie: 'a="b:c"', 'set-cookie': ['a=1', 'b=2'], empty: '', latin: '\u00e9' },
  } as unknown as IncomingMessage

  it('is there again each time it is read', () => {
    const hello = new UpgradeHello(request)
    for (let i = 0; i < 2; i++) {
      expect(hello.path).toBe('/room/doc')
      expect([...hello.query]).toEqual([
        ['a', '1'],
        ['b', 'é'],
        ['a', '2'],
      ])
      expect(hello.headers).toEqual(request.headers)
    }
    expect(new UpgradeHello(request, '/doc').path).toBe('/doc')
  })

  it('may have neither query nor headers', () => {
    const hello = new UpgradeHello({ url: '/', headers: {} } as IncomingMessage)
    expect([...hello.query]).toEqual([])
    expect(hello.headers).toEqual({})
    expect(new UpgradeHello({ url: '/?a=1', headers: {} } as IncomingMessage).query.get('a')).toBe('1')
  })
})
