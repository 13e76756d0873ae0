import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Client } from '../support/client.js'
import { NO_DEADLINES, stopClocks } from '../support/clock.js'
import { startRelay } from '../support/relay.js'
import { SECRET, secondsFromNow, tokenFor } from '../support/tokens.js'

const options = { ...NO_DEADLINES, jwtSecret: SECRET }
const expired = { code: 1008, reason: 'Invalid authentication token' }

const dialects = [
  {
    path: '/room/doc',
    join: undefined,
    error: { type: 'error', message: 'Invalid authentication token', code: 'INVALID_TOKEN' },
  },
  {
    path: '/pluresdb',
    join: { type: 'join', topic: 'doc' },
    error: { type: 'error', payload: 'Invalid authentication token' },
  },
  {
    path: '/y-webrtc',
    join: { type: 'subscribe', topics: ['doc'] },
    error: { type: 'error', message: 'Invalid authentication token' },
  },
  { path: '/', join: undefined, error: { type: 'error', payload: 'Invalid authentication token' } },
]

/** Joins with a token, and hears all that there is to hear. */
async function enter(
  open: (path: string) => Promise<Client>,
  path: string,
  token: string,
  join?: object,
): Promise<Client> {
  const client = await open(`${path}?token=${token}`)
  if (join) client.send(join)
  await client.settled()
  return client
}

describe('a connection', () => {
  it.each([...dialects, { path: '/raw/doc', join: undefined }])(
    'at $path ends when its token does',
    async ({ path, join }) => {
      const clock = stopClocks()
      const { open, relay } = await startRelay(options)
      const client = await enter(open, path, await tokenFor({ exp: secondsFromNow(3600) }), join)
      const denied = once(relay, 'denied')
      clock.pass(3599)
      expect(await client.settled()).toEqual([])
      clock.pass(2)
      expect(await client.next()).toEqual(expired)
      expect((await denied)[0]).toMatchObject({ why: 'token-expired' })
    },
  )
})

describe.each(dialects)('a new token at $path', ({ path, join, error }) => {
  it('keeps the connection open beyond the end of the first, until its own', async () => {
    const clock = stopClocks()
    const { open } = await startRelay(options)
    const client = await enter(open, path, await tokenFor({ sub: 'alice', exp: secondsFromNow(3600) }), join)
    clock.pass(3599)
    const exp = secondsFromNow(3600)
    client.send({ type: 'auth', token: await tokenFor({ sub: 'alice', exp }) })
    expect(await client.json()).toEqual({ type: 'auth', expires: Math.floor(exp * 1000) })
    clock.pass(3599)
    expect(await client.settled()).toEqual([])
    clock.pass(2)
    expect(await client.next()).toEqual(expired)
  })

  it('that is bad is refused, and the old one stays in force', async () => {
    const clock = stopClocks()
    const { open } = await startRelay(options)
    const client = await enter(open, path, await tokenFor({ sub: 'alice', exp: secondsFromNow(3600) }), join)
    const bad = [
      undefined,
      7,
      'x',
      await tokenFor({ sub: 'alice', exp: secondsFromNow(-1) }),
      // Nobody becomes somebody else in the middle of a connection.
      await tokenFor({ sub: 'bob' }),
      await tokenFor(),
    ]
    for (const token of bad) {
      client.send({ type: 'auth', token })
      expect(await client.json()).toEqual(error)
    }
    clock.pass(3599)
    expect(await client.settled()).toEqual([])
    clock.pass(2)
    expect(await client.next()).toEqual(expired)
  })

  it('without an end lets it stay', async () => {
    const clock = stopClocks()
    const { open } = await startRelay(options)
    const client = await enter(open, path, await tokenFor({ exp: secondsFromNow(3600) }), join)
    client.send({ type: 'auth', token: await tokenFor({ exp: undefined }) })
    expect(await client.json()).toEqual({ type: 'auth' })
    clock.pass(100 * 3600)
    expect(await client.settled()).toEqual([])
  })
})

describe('a new token', () => {
  it.each(dialects.slice(0, 3))('that loses the room at $path closes the connection', async ({ path, join }) => {
    const { open, relay } = await startRelay({ jwtSecret: SECRET })
    const client = await enter(open, path, await tokenFor(), join)
    client.send({ type: 'auth', token: await tokenFor({ rooms: ['other'] }) })
    expect(await client.next()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
    expect(relay.stats()).toMatchObject({ currentConnections: 0, currentRooms: 0 })
  })

  it('takes the right to publish away and gives it back', async () => {
    const { open } = await startRelay({ jwtSecret: SECRET })
    const reader = await enter(open, '/room/doc', await tokenFor())
    const client = await enter(open, '/room/doc', await tokenFor({ sub: 'alice' }))
    await reader.settled()
    client.send({ type: 'auth', token: await tokenFor({ sub: 'alice', rooms: { doc: ['join'] } }) })
    client.send({ type: 'content', n: 1 })
    expect(await client.json()).toMatchObject({ type: 'auth' })
    expect(await client.json()).toMatchObject({ code: 'NOT_ALLOWED' })
    client.send({ type: 'auth', token: await tokenFor({ sub: 'alice' }) })
    client.send({ type: 'content', n: 2 })
    expect(await reader.json()).toMatchObject({ n: 2 })
  })

  it('has the hook asked anew, for the connection and each of its rooms', async () => {
    let closed = false
    const asked: unknown[] = []
    const { open } = await startRelay({
      jwtSecret: SECRET,
      authorize: async ({ verb, room }) => {
        asked.push([verb, room])
        return !(closed && room === 'b')
      },
    })
    const client = await enter(open, '/y-webrtc', await tokenFor(), { type: 'subscribe', topics: ['a', 'b'] })
    asked.length = 0
    client.send({ type: 'auth', token: await tokenFor() })
    expect(await client.json()).toMatchObject({ type: 'auth' })
    expect(asked).toEqual([
      ['connect', undefined],
      ['join', 'a'],
      ['join', 'b'],
    ])
    closed = true
    client.send({ type: 'auth', token: await tokenFor() })
    expect(await client.closed()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
  })

  it('is a message like any other where no tokens are checked', async () => {
    for (const options of [{}, { authorize: () => true }]) {
      const { open } = await startRelay(options)
      const [ann, ben] = [await open('/room/doc'), await open('/room/doc')]
      await Promise.all([ann.settled(), ben.settled()])
      ann.send({ type: 'auth', token: 'mine' })
      expect(await ben.json()).toMatchObject({ type: 'auth', token: 'mine' })
      const peer = await open('/')
      peer.send({ type: 'auth', token: 'mine' })
      expect(await peer.json()).toEqual({ type: 'error', payload: 'Unknown message type' })
    }
  })
})
