import type { IncomingMessage } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { RequestHello } from '../../src/http/request-hello.js'
import type { RelayOptions } from '../../src/index.js'
import { attachRelay } from '../support/attached.js'
import { Client } from '../support/client.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Opens an idle connection at a path, and watches over its upgrade request. */
async function requestOf(path: string, options: RelayOptions): Promise<WeakRef<IncomingMessage>> {
  const { server, port } = await attachRelay(options)
  let held: WeakRef<IncomingMessage> | undefined
  server.prependListener('upgrade', (request) => {
    held = new WeakRef(request)
  })
  const client = await Client.open(`ws://127.0.0.1:${port}${path}`)
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

describe('what a request said', () => {
  const request = {
    url: '/room/doc/?a=1&b=%C3%A9&a=2',
    headers: { host: 'x', cookie: 'a="b:c"', 'set-cookie': ['a=1', 'b=2'], empty: '', latin: '\u00e9' },
  } as unknown as IncomingMessage

  it('is there again each time it is read', () => {
    const hello = new RequestHello(request)
    for (let i = 0; i < 2; i++) {
      expect(hello.path).toBe('/room/doc')
      expect([...hello.query]).toEqual([
        ['a', '1'],
        ['b', 'é'],
        ['a', '2'],
      ])
      expect(hello.headers).toEqual(request.headers)
    }
    expect(new RequestHello(request, '/doc').path).toBe('/doc')
  })

  it('may have neither query nor headers', () => {
    const hello = new RequestHello({ url: '/', headers: {} } as IncomingMessage)
    expect([...hello.query]).toEqual([])
    expect(hello.headers).toEqual({})
    expect(new RequestHello({ url: '/?a=1', headers: {} } as IncomingMessage).query.get('a')).toBe('1')
  })
})
