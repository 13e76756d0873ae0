import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Relay } from '../../src/index.js'
import { Client } from '../support/client.js'
import { NO_DEADLINES, stopClocks } from '../support/clock.js'
import { startCommand } from '../support/command.js'
import { connect, createContext } from '../support/context.js'
import { frame, Op, RawClient, upgradeRequest } from '../support/raw.js'
import { startRelay } from '../support/relay.js'
import { SECRET, secondsFromNow, tokenFor } from '../support/tokens.js'

/** The cases of security-cases.test.ts that are about tokens and origins. */

const MEGABYTE = 2 ** 20
const invalid = { code: 1008, reason: 'Invalid authentication token' }

describe('writing to a room without being in it', () => {
  it('takes the right to publish there', async () => {
    const { open } = await startRelay({ jwtSecret: SECRET })
    const subscriber = await open(`/y-webrtc?token=${await tokenFor()}`)
    subscriber.send({ type: 'subscribe', topics: ['t'] })
    await subscriber.settled()
    for (const rooms of [['other'], { t: ['join'] }, { t: [] }, { 'pluresdb/t': ['publish'] }]) {
      const stranger = await open(`/y-webrtc?token=${await tokenFor({ rooms })}`)
      stranger.send({ type: 'publish', topic: 't', n: 1 })
      expect(await stranger.closed()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
    }
    expect(await subscriber.settled()).toEqual([])
    const writer = await open(`/y-webrtc?token=${await tokenFor({ rooms: { t: ['publish'] } })}`)
    writer.send({ type: 'publish', topic: 't', n: 2 })
    expect(await subscriber.json()).toMatchObject({ n: 2 })
    writer.send({ type: 'subscribe', topics: ['t'] })
    expect(await writer.closed()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
  })
})

/** Brings a token in every way there is, and with a good one connects to renew it by that. */
async function tryEverywhere(port: number, token: string, good: string): Promise<void> {
  const url = `ws://127.0.0.1:${port}/room/doc`
  const renewing = await Client.open(`${url}?token=${good}`)
  const clients = await Promise.all([
    Client.open(`${url}?token=${token}`),
    Client.open(url, { headers: { Authorization: `Bearer ${token}` } }),
    Client.open(url, { protocols: ['baton', `bearer.${token}`] }),
  ])
  for (const client of [...clients, renewing])
    client.send({ type: 'auth', token }).send({ type: 'auth', token: [token] })
  for (const path of [`/ice-servers?token=${token}`, `/nowhere?token=${token}`]) {
    await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  }
  // Its welcome, and the answer to its new token.
  for (let i = 0; i < 2; i++) await renewing.next()
  for (const client of [...clients, renewing]) client.drop()
}

describe('a token in the URL that ends up in access logs', () => {
  it.each(['production', 'development'])('is in no line, good or bad, however it comes (%s)', async (environment) => {
    const env = { JWT_SECRET: SECRET, STUN_URLS: 'stun:a', TURN_URLS: 'turn:a', TURN_SECRET: 'hush-hush-hush-hush' }
    const { child, port, log } = await startCommand({ NODE_ENV: environment, ...env })
    const tokens = [
      await tokenFor({ sub: 'alice' }),
      await tokenFor({ sub: 'alice', rooms: ['other'] }),
      await tokenFor({ sub: 'alice' }, Buffer.from('another secret, also of 32 bytes')),
      await tokenFor({ exp: secondsFromNow(-60) }),
      'sesame.sesame.sesame',
    ]
    for (const token of tokens) await tryEverywhere(port, token, tokens[0] ?? '')
    child.kill('SIGTERM')
    await once(child, 'close')
    expect(log()).toContain('Relay stopped')
    expect(log()).toContain('Access denied')
    for (const secret of [...tokens.flatMap((token) => token.split('.')), SECRET, 'hush-hush']) {
      expect(log()).not.toContain(secret)
    }
  })

  it('is in no answer and no event', async () => {
    const { relay, port } = await startRelay({ jwtSecret: SECRET })
    const events: unknown[] = []
    for (const name of ['connection', 'denied', 'join', 'leave', 'limit'] as const) {
      relay.on(name, (info: unknown) => events.push(info))
    }
    const token = await tokenFor({ rooms: ['raw/doc'] })
    for (const protocols of [`bearer.${token}`, `bearer.${token}, baton`, `baton,bearer.${token}`]) {
      const raw = await RawClient.connect({ port })
      const head = await raw.write(upgradeRequest('/raw/doc', { 'Sec-WebSocket-Protocol': protocols })).head()
      expect(head?.status).toBe(101)
      expect(head?.headers['sec-websocket-protocol']).toBe(protocols.includes('baton') ? 'baton' : undefined)
      await raw.answers()
    }
    const denied = await RawClient.open({ port }, `/raw/other?token=${token}`)
    expect(await denied.close()).toMatchObject({ code: 1008 })
    expect(events).toHaveLength(8)
    expect(JSON.stringify(events)).not.toContain(token.slice(0, 10))
  })
})

describe('a socket that outlives its token', () => {
  it('does not: it is closed, and the others see it leave', async () => {
    const clock = stopClocks()
    const { open, relay } = await startRelay({ ...NO_DEADLINES, jwtSecret: SECRET })
    const witness = await open(`/room/doc?token=${await tokenFor({ exp: secondsFromNow(7200) })}`)
    await witness.json()
    const guest = await open(`/room/doc?token=${await tokenFor({ exp: secondsFromNow(3600) })}`)
    await guest.json()
    expect(await witness.json()).toMatchObject({ type: 'user-joined' })
    // Talking does not keep it alive.
    clock.pass(3599)
    guest.send({ type: 'content' })
    expect(await witness.json()).toMatchObject({ type: 'content' })
    clock.pass(2)
    expect(await witness.json()).toMatchObject({ type: 'user-left', userCount: 1 })
    expect(await guest.closed()).toEqual(invalid)
    expect(relay.stats().currentConnections).toBe(1)
  })

  it('leaves no alarm behind when it goes before', () => {
    const context = createContext({}, {}, { authorize: () => ({ expires: Date.now() + 3_600_000 }) })
    const wires = Array.from({ length: 100 }, () => connect(context, '/raw/doc'))
    expect(context.expiries.size).toBe(100)
    for (const { session } of wires) session.end(1000)
    expect(context.expiries.size).toBe(0)
    context.stop()
  })
})

describe('cross-site WebSocket hijacking', () => {
  it('fails: a page of another origin is turned away whatever cookie its visitor has', async () => {
    const asked: unknown[] = []
    const { open } = await startRelay({
      allowedOrigins: 'https://app.example.com',
      authorize: ({ headers }) => {
        asked.push(headers['origin'])
        return headers['cookie'] === 'session=alice'
      },
    })
    const headers = { Cookie: 'session=alice' }
    for (const Origin of ['https://evil.example', 'https://app.example.com.evil.example', 'null']) {
      const client = await open('/room/doc', { headers: { ...headers, Origin } })
      expect(await client.next()).toEqual({ code: 1008, reason: 'Origin not allowed' })
    }
    const own = await open('/room/doc', { headers: { ...headers, Origin: 'https://app.example.com' } })
    expect(await own.json()).toMatchObject({ type: 'connected' })
    expect(new Set(asked)).toEqual(new Set(['https://app.example.com']))
  })

  it('reads nothing over HTTP either: no page but /ice-servers is open to other origins', async () => {
    const { http } = await startRelay({ stunUrls: 'stun:a' })
    const headers = { Origin: 'https://evil.example' }
    for (const path of ['/', '/health', '/stats', '/nowhere']) {
      for (const method of ['GET', 'OPTIONS']) {
        const answer = await fetch(http + path, { method, headers })
        expect(answer.headers.get('access-control-allow-origin')).toBeNull()
      }
    }
    expect((await fetch(`${http}/ice-servers`, { headers })).headers.get('access-control-allow-origin')).toBe('*')
  })
})

describe('a secret that is compared in a time that tells, or that everybody knows', () => {
  it('is not there by default, and must not be short', () => {
    expect(() => new Relay({ jwtSecret: 'password' })).toThrow('jwtSecret: must have 32 bytes or more')
    expect(() => new Relay({ turnUrls: 'turn:a' })).toThrow('turnSecret: is needed')
  })

  it('is compared by the platform: node:crypto says whether a signature is right', async () => {
    const verify = vi.spyOn(crypto.subtle, 'verify')
    onTestFinished(() => verify.mockRestore())
    const { open } = await startRelay({ jwtSecret: SECRET })
    const token = await tokenFor()
    expect(await (await open(`/room/doc?token=${token}`)).json()).toMatchObject({ type: 'connected' })
    expect(verify).toHaveBeenCalledTimes(1)
    // Its first bytes are right, or its last ones.
    const [head, signature = ''] = [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.') + 1)]
    for (const guess of [`${signature.slice(0, 20)}${'A'.repeat(23)}`, `${'A'.repeat(20)}${signature.slice(20)}`]) {
      expect(await (await open(`/room/doc?token=${head}.${guess}`)).closed()).toEqual(invalid)
    }
    expect(verify).toHaveBeenCalledTimes(3)
  })

  it('is no easier to guess for trying often: each guess is counted, and the log stays short', async () => {
    const { child, port, log } = await startCommand({ NODE_ENV: 'production', JWT_SECRET: SECRET, REFUSAL_DELAY: '0' })
    const guess = await tokenFor({}, Buffer.from('a guess, which needs 32 bytes too'))
    for (let i = 0; i < 20; i++) {
      const client = await Client.open(`ws://127.0.0.1:${port}/room/doc?token=${guess}`)
      expect(await client.closed()).toEqual(invalid)
    }
    child.kill('SIGTERM')
    await once(child, 'close')
    const lines = log()
      .split('\n')
      .filter((line) => line.includes('Access denied'))
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ address: '127.0.0.1', why: 'token-signature' }),
      expect.objectContaining({ address: '127.0.0.1', why: 'token-signature', repeated: 19 }),
    ])
  })
})

describe('messages queued without bound before authentication', () => {
  it('are not even read while the keys for a token are awaited, and the deadline ends it', async () => {
    const silent = createServer(() => {})
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    onTestFinished(() => {
      silent.closeAllConnections()
      silent.close()
    })
    const jwksUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
    const relay = await startRelay({ joinTimeout: 500, jwksUrl })
    const token = await tokenFor({}, generateKeyPairSync('ed25519').privateKey, 'EdDSA')
    const raw = await RawClient.open(relay, `/room/doc?token=${token}`)
    const message = frame(Op.text, 'x'.repeat(MEGABYTE))
    for (let i = 0; i < 64; i++) raw.write(message)
    expect(await raw.close()).toEqual({ code: 1008, reason: 'No room joined in time' })
    expect(raw.socket.writableLength).toBeGreaterThan(32 * MEGABYTE)
  })

  it('are dropped with a connection whose token is bad', async () => {
    const { port, relay } = await startRelay({ jwtSecret: SECRET })
    const raw = await RawClient.connect({ port })
    raw.write(upgradeRequest('/room/doc?token=x'), frame(Op.text, '{"type":"content"}'))
    expect(await raw.head()).toMatchObject({ status: 101 })
    expect(await raw.close()).toEqual(invalid)
    expect(relay.stats()).toMatchObject({ messagesReceived: 0, messagesRelayed: 0 })
  })
})
