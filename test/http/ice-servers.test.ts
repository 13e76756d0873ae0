import { createHmac, generateKeyPairSync } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Relay, type RelayOptions } from '../../src/index.js'
import { NO_DEADLINES, stopClocks } from '../support/clock.js'
import { RawClient } from '../support/raw.js'
import { limitsHit, startRelay } from '../support/relay.js'
import { SECRET, secondsFromNow, tokenFor } from '../support/tokens.js'

const ICE = {
  stunUrls: 'stun:stun.example.org',
  turnUrls: 'turn:a:3478, turns:a:5349',
  turnSecret: 'hush-hush-hush-hush',
}

interface Answer {
  status: number
  headers: Headers
  body: { iceServers?: { urls: string[]; username?: string; credential?: string }[]; ttl?: number; error?: string }
}

/** Asks a relay with these options. */
async function ask(options: RelayOptions, query = '', init: RequestInit = {}): Promise<Answer> {
  const { http } = await startRelay(options)
  const answer = await fetch(`${http}/ice-servers${query}`, init)
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, body: text === '' ? {} : JSON.parse(text) }
}

/** What coturn makes of a username. */
function credentialOf(username = ''): string {
  return createHmac('sha1', ICE.turnSecret).update(username).digest('base64')
}

describe('GET /ice-servers', () => {
  it('gives STUN servers, and TURN servers with credentials that end', async () => {
    const { status, headers, body } = await ask({ ...ICE, turnTtl: '10m' })
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(headers.get('cache-control')).toBe('no-store')
    const [stun, turn] = body.iceServers ?? []
    expect(stun).toEqual({ urls: ['stun:stun.example.org'] })
    expect(turn).toEqual({
      urls: ['turn:a:3478', 'turns:a:5349'],
      username: expect.stringMatching(/^\d+$/),
      credential: credentialOf(turn?.username),
    })
    expect(body.ttl).toBe(600)
    const left = Number(turn?.username) - Date.now() / 1000
    expect(left).toBeGreaterThan(540)
    expect(left).toBeLessThanOrEqual(600)
  })

  it('gives STUN servers alone where no others are', async () => {
    const { body } = await ask({ stunUrls: 'stun:stun.example.org' })
    expect(body.iceServers).toEqual([{ urls: ['stun:stun.example.org'] }])
  })

  it('is not there where no servers are', async () => {
    const { http } = await startRelay()
    expect((await fetch(`${http}/ice-servers`)).status).toBe(404)
  })

  it('asks for a token where tokens are checked, and puts its user into the credentials', async () => {
    const options = { ...ICE, jwtSecret: SECRET }
    const token = await tokenFor({ sub: 'alice' })
    for (const [query, init] of [
      [`?token=${token}`, {}],
      ['', { headers: { Authorization: `Bearer ${token}` } }],
    ] as const) {
      const { status, body } = await ask(options, query, init)
      const turn = body.iceServers?.[1]
      expect(status).toBe(200)
      expect(turn?.username).toMatch(/^\d+:alice$/)
      expect(turn?.credential).toBe(credentialOf(turn?.username))
    }
  })

  it.each([
    ['no token', async () => '', 401, 'Invalid authentication token'],
    ['a bad token', async () => '?token=x', 401, 'Invalid authentication token'],
    ['a token for no room', async () => `?token=${await tokenFor({ rooms: [] })}`, 403, 'Not allowed'],
  ])('refuses who has %s, and tells', async (_what, query, status, error) => {
    const { relay, http } = await startRelay({ ...ICE, jwtSecret: SECRET })
    const denied = once(relay, 'denied')
    const answer = await fetch(`${http}/ice-servers${await query()}`)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null)
    expect(await answer.json()).toEqual({ error })
    expect((await denied)[0]).toMatchObject({ address: '127.0.0.1', connection: undefined })
  })

  it('refuses with 503 while the keys for tokens cannot be fetched', async () => {
    const token = await tokenFor({}, generateKeyPairSync('ed25519').privateKey, 'EdDSA')
    const { status, body } = await ask({ ...ICE, jwksUrl: 'http://127.0.0.1:1/' }, `?token=${token}`)
    expect({ status, body }).toEqual({ status: 503, body: { error: 'Authentication is unavailable' } })
  })

  it('asks the hook, which may know the user by a cookie', async () => {
    const authorize: RelayOptions['authorize'] = async ({ verb, headers }) =>
      verb === 'ice' && headers['cookie'] === 'session=1' && { user: 'ben' }
    const good = await ask({ ...ICE, authorize }, '', { headers: { Cookie: 'session=1' } })
    expect(good.body.iceServers?.[1]?.username).toMatch(/^\d+:ben$/)
    const bad = await ask({ ...ICE, authorize })
    expect(bad).toMatchObject({ status: 403, body: { error: 'Not allowed' } })
    const broken = await ask({ ...ICE, authorize: () => Promise.reject(new Error('a fault of the application')) })
    expect(broken).toMatchObject({ status: 500, body: { error: 'Internal error' } })
  })

  it('lets pages of all origins read it, or of those that are allowed', async () => {
    const headers = { Origin: 'https://app.example.com' }
    const open = await ask(ICE, '', { headers })
    expect(open.headers.get('access-control-allow-origin')).toBe('*')
    expect(open.headers.get('access-control-allow-credentials')).toBeNull()
    const allowed = await ask({ ...ICE, allowedOrigins: 'https://*.example.com' }, '', { headers })
    expect(allowed.status).toBe(200)
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
    expect(allowed.headers.get('access-control-allow-credentials')).toBe('true')
    expect(allowed.headers.get('vary')).toBe('Origin')
    const program = await ask({ ...ICE, allowedOrigins: 'https://*.example.com' })
    expect(program.status).toBe(200)
    expect(program.headers.get('access-control-allow-origin')).toBeNull()
    const refused = await ask({ ...ICE, allowedOrigins: 'https://other.example' }, '', { headers })
    expect(refused).toMatchObject({ status: 403, body: { error: 'Origin not allowed' } })
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('answers the question of a browser whether it may send a token', async () => {
    const { status, headers } = await ask({ ...ICE, jwtSecret: SECRET }, '', {
      method: 'OPTIONS',
      headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Headers': 'authorization' },
    })
    expect(status).toBe(204)
    // RFC 9110 section 8.6.
    expect(headers.get('content-length')).toBeNull()
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-headers')).toBe('Authorization')
    expect(headers.get('access-control-allow-methods')).toBe('GET')
  })

  it('answers HEAD without the credentials, and nothing else', async () => {
    expect(await ask(ICE, '', { method: 'HEAD' })).toMatchObject({ status: 200, body: {} })
    expect(await ask(ICE, '', { method: 'POST' })).toMatchObject({ status: 405, body: { error: 'Method not allowed' } })
  })

  it('survives a client that leaves, or upgrades, before the answer', async () => {
    const { port, http } = await startRelay({ ...ICE, jwtSecret: SECRET })
    const ask = `GET /ice-servers?token=${await tokenFor()} HTTP/1.1\r\nHost: x\r\n\r\n`
    const upgrade =
      'GET /raw/doc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
    for (const text of [ask, ask.repeat(10), ask + upgrade]) {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      await new Promise((resolve) => socket.write(text, resolve))
      socket.resetAndDestroy()
      const patient = connect(port, '127.0.0.1')
      patient.write(text)
      // An upgrade that would overtake the answer is cut off.
      await Promise.race([once(patient, 'data'), once(patient, 'close')])
      patient.destroy()
    }
    expect((await fetch(`${http}/health`)).status).toBe(200)
  })
})

describe('TURN credentials (10.32)', () => {
  const endOf = ({ body }: Answer): number => Number(body.iceServers?.[1]?.username?.split(':')[0])

  it('end with the token that fetched them, or before, and say how long they last', async () => {
    const now = Math.floor(Date.now() / 1000)
    const ask3 = async (exp: number | undefined, options: RelayOptions = {}): Promise<Answer> =>
      ask({ ...ICE, jwtSecret: SECRET, turnTtl: '24h', ...options }, `?token=${await tokenFor({ exp })}`)
    const short = await ask3(now + 30)
    expect(endOf(short)).toBe(now + 30)
    expect(short.body.ttl).toBeLessThanOrEqual(30)
    expect(short.body.ttl).toBeGreaterThan(20)
    for (const exp of [now + 90_000, undefined]) {
      const long = await ask3(exp)
      expect(long.body.ttl).toBe(86_400)
      expect(endOf(long)).toBeGreaterThanOrEqual(now + 86_400)
      expect(endOf(long)).toBeLessThan(now + 86_430)
    }
    // The end that the hook has named counts as well.
    const named = await ask3(now + 90_000, { authorize: () => ({ expires: (now + 60) * 1000 }) })
    expect(endOf(named)).toBe(now + 60)
  })

  it('are few a minute for each user, wherever and however often it asks', async () => {
    const clock = stopClocks()
    const { http, relay } = await startRelay({ ...ICE, ...NO_DEADLINES, jwtSecret: SECRET, turnRate: 3 })
    const hit = limitsHit(relay)
    const statuses = async (sub: string): Promise<number[]> => {
      const query = `?token=${await tokenFor({ sub, exp: secondsFromNow(3600) })}`
      const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(`${http}/ice-servers${query}`)))
      return answers.map(({ status }) => status).sort()
    }
    expect(await statuses('ann')).toEqual([200, 200, 200, 429, 429])
    expect(await statuses('bob')).toEqual([200, 200, 200, 429, 429])
    expect(hit).toEqual(['turn-rate', 'turn-rate', 'turn-rate', 'turn-rate'])
    clock.pass(20)
    const refused = await fetch(`${http}/ice-servers?token=${await tokenFor({ sub: 'ann', exp: secondsFromNow(60) })}`)
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('40')
    expect(refused.headers.get('access-control-expose-headers')).toBe('Retry-After')
    expect(await refused.json()).toEqual({ error: 'Too many requests' })
    clock.pass(41)
    expect(await statuses('ann')).toEqual([200, 200, 200, 429, 429])
  })

  it('are few a minute for each address where there is no user, though it may be that of many', async () => {
    const { http } = await startRelay({ ...ICE, turnRate: 1, trustProxy: 1 })
    const from = async (address: string): Promise<number> =>
      (await fetch(`${http}/ice-servers`, { headers: { 'X-Forwarded-For': address } })).status
    for (let i = 0; i < 10; i++) expect(await from('192.0.2.1')).toBe(200)
    expect(await from('192.0.2.1')).toBe(429)
    expect(await from('192.0.2.2')).toBe(200)
  })

  it('have no limit where that is 0; and STUN servers, which are no secret, have none', async () => {
    for (const options of [
      { ...ICE, turnRate: 0 },
      { stunUrls: 'stun:a', turnRate: 1 },
    ]) {
      const { http } = await startRelay(options)
      for (let i = 0; i < 15; i++) expect((await fetch(`${http}/ice-servers`)).status).toBe(200)
    }
  })

  it('that an app asks for end when it says', async () => {
    const relay = new Relay({ ...ICE, logLevel: 'silent' })
    const expires = (Math.floor(Date.now() / 1000) + 60) * 1000
    const { iceServers, ttl } = relay.iceServers('ann', expires)
    expect(iceServers[1]?.username).toBe(`${expires / 1000}:ann`)
    expect(ttl).toBeLessThanOrEqual(60)
    expect(relay.iceServers('ann', Date.now() - 10_000).ttl).toBe(0)
    await relay.close()
  })
})

describe('GET /ice-servers with a hook that never answers (10.30)', () => {
  it('is answered all the same', async () => {
    const clock = stopClocks()
    const hook = new EventEmitter()
    const { http } = await startRelay({
      ...ICE,
      ...NO_DEADLINES,
      authorize: () => {
        hook.emit('asked')
        return new Promise(() => {})
      },
    })
    const asked = once(hook, 'asked')
    const answer = fetch(`${http}/ice-servers`)
    await asked
    clock.pass(10)
    expect((await answer).status).toBe(500)
    expect(await (await answer).json()).toEqual({ error: 'Internal error' })
  })
})

describe('relay.iceServers()', () => {
  it('gives the same to an app that the relay is attached to', async () => {
    const relay = new Relay({ ...ICE, logLevel: 'silent' })
    const { iceServers, ttl } = relay.iceServers('alice')
    expect(ttl).toBe(3600)
    expect(iceServers[1]?.credential).toBe(credentialOf(iceServers[1]?.username))
    expect(iceServers[1]?.username).toMatch(/^\d+:alice$/)
    await relay.close()
  })
})

describe('who asks for /ice-servers', () => {
  it('is known by its address behind a trusted proxy, to the hook and where it is denied', async () => {
    const asked: string[] = []
    const { relay, http } = await startRelay({
      ...ICE,
      trustProxy: 1,
      authorize: ({ address }) => {
        asked.push(address)
        return false
      },
    })
    const denied: unknown[] = []
    relay.on('denied', ({ why, address }) => denied.push([why, address]))
    const headers = { 'X-Forwarded-For': '203.0.113.9, 192.0.2.1' }
    expect((await fetch(`${http}/ice-servers`, { headers })).status).toBe(403)
    expect([asked, denied]).toEqual([['192.0.2.1'], [['ice', '192.0.2.1']]])
  })

  it('pays for each guess with a connection, and cannot have many checked at once', async () => {
    const { relay, port } = await startRelay({ ...ICE, jwtSecret: SECRET })
    const hit = limitsHit(relay)
    let guesses = 0
    relay.on('denied', () => guesses++)
    const guess = 'GET /ice-servers?token=a.b.c HTTP/1.1\r\nHost: x\r\n\r\n'
    const one = await RawClient.connect({ port })
    expect(await one.write(guess).head()).toMatchObject({ status: 401, headers: { connection: 'close' } })
    const many = await RawClient.connect({ port })
    many.write(guess.repeat(50)).socket.end()
    await many.gone()
    expect(hit).toEqual(['requests'])
    expect(guesses).toBeLessThanOrEqual(5)
  })
})
