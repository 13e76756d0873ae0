import { describe, expect, it } from 'vitest'
import type { RelayOptions } from '../../src/index.js'
import type { Client } from '../support/client.js'
import { NO_DEADLINES, stopClocks } from '../support/clock.js'
import { startRelay } from '../support/relay.js'
import { SECRET, tokenFor } from '../support/tokens.js'

const rooms = { doc: ['join'], 'raw/doc': ['join'] }

/** The two ways to let somebody read only: by a token, and by the hook. */
const ways: Record<string, { options: RelayOptions; reader(): Promise<string>; writer(): Promise<string> }> = {
  'by its token': {
    options: { jwtSecret: SECRET },
    reader: async () => `token=${await tokenFor({ rooms })}`,
    writer: async () => `token=${await tokenFor()}`,
  },
  'by the hook': {
    options: { authorize: ({ query }) => ({ publish: !query.has('reader') }) },
    reader: async () => 'reader',
    writer: async () => 'writer',
  },
}

const talks = [
  {
    path: '/room/doc',
    join: undefined,
    message: { type: 'content', n: 1 },
    error: { type: 'error', message: 'Not allowed to publish in this room', code: 'NOT_ALLOWED' },
  },
  {
    path: '/pluresdb',
    join: { type: 'join', topic: 'doc' },
    message: { type: 'data', data: 1 },
    error: { type: 'error', payload: 'Not allowed to publish in this room' },
  },
  {
    path: '/y-webrtc',
    join: { type: 'subscribe', topics: ['doc'] },
    message: { type: 'publish', topic: 'doc', n: 1 },
    error: { type: 'error', message: 'Not allowed to publish in this room' },
  },
]

describe.each(Object.entries(ways))('a member that may only read, %s,', (_way, { options, reader, writer }) => {
  async function pair(path: string, join?: object): Promise<{ read: Client; write: Client }> {
    const { open } = await startRelay(options)
    const [read, write] = [await open(`${path}?${await reader()}`), await open(`${path}?${await writer()}`)]
    for (const client of [read, write]) {
      if (join) client.send(join)
      await client.settled()
    }
    await read.settled()
    return { read, write }
  }

  it.each(talks)('hears the others at $path, and is told when it speaks', async ({ path, join, message, error }) => {
    const { read, write } = await pair(path, join)
    read.send(message)
    expect(await read.json()).toEqual(error)
    expect(await write.settled()).toEqual([])
    write.send(message)
    expect(await read.json()).toMatchObject(message)
  })

  it('is closed in opaque when it speaks, since nothing else could say so', async () => {
    const { read, write } = await pair('/raw/doc')
    write.send('hello')
    expect(await read.next()).toEqual({ text: 'hello' })
    read.send('no')
    expect(await read.next()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
    expect(await write.settled()).toEqual([])
  })
})

describe('the hook', () => {
  it.each([{ publish: 'no' }, { expires: '2030' }, { expires: Number.NaN }, { expires: new Date() }])(
    'refuses with %j, which is no answer',
    async (verdict) => {
      const { open } = await startRelay({ authorize: (() => verdict) as never })
      expect(await (await open('/room/doc')).closed()).toEqual({ code: 1008, reason: 'Not allowed' })
    },
  )

  it('keeps those who may not publish from rooms that they are not in, too', async () => {
    const { open } = await startRelay({ authorize: () => ({ publish: false }) })
    await open('/y-webrtc')
    const outsider = await open('/y-webrtc')
    outsider.send({ type: 'publish', topic: 'doc', n: 1 })
    expect(await outsider.next()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
  })

  it('may say when the connection ends; the earliest time counts', async () => {
    const clock = stopClocks()
    const { open } = await startRelay({
      ...NO_DEADLINES,
      authorize: ({ verb }) => ({ expires: Date.now() + (verb === 'join' ? 60_000 : 3_600_000) }),
    })
    const client = await open('/room/doc')
    expect(await client.json()).toMatchObject({ type: 'connected' })
    clock.pass(59)
    expect(await client.settled()).toEqual([])
    clock.pass(2)
    expect(await client.next()).toEqual({ code: 1008, reason: 'Invalid authentication token' })
  })
})
