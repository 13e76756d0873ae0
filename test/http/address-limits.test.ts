import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { AddressLimits } from '../../src/http/address-limits.js'
import type { Relay, RelayOptions } from '../../src/index.js'
import { parseOptions } from '../../src/options/index.js'
import { attachRelay } from '../support/attached.js'
import { openSockets, RawClient, until, upgradeRequest } from '../support/raw.js'
import { limitsHit, startRelay } from '../support/relay.js'
import { SECRET, tokenFor } from '../support/tokens.js'

/** Asks for a WebSocket with so many proxies' word for the client. */
async function shake(
  relay: { port: number },
  forwarded?: string,
  from?: string,
): Promise<RawClient & { status: number }> {
  const client = await RawClient.connect(relay, from)
  const head = await client.write(upgradeRequest('/raw/x', { 'X-Forwarded-For': forwarded })).head()
  return Object.assign(client, { status: head?.status ?? 0, headers: head?.headers })
}

/** Counts by name who is turned away, and from where. */
function counted(relay: Relay): Map<string, number> {
  const counts = new Map<string, number>()
  relay.on('limit', ({ limit, address }) => {
    const key = `${limit} ${address}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  })
  return counts
}

/** The address that the relay knows the client of a handshake by. */
async function addressSeen(options: RelayOptions, forwarded: string | undefined): Promise<string> {
  const relay = await startRelay(options)
  const opened = once(relay.relay, 'connection')
  const { status } = await shake(relay, forwarded)
  expect(status).toBe(101)
  const [{ address }] = (await opened) as [{ address: string }]
  return address
}

describe('the address of a client', () => {
  it('is not asked of the system for who joins a room that is open, when no limit counts by it', async () => {
    const asked = vi.spyOn(AddressLimits.prototype, 'addressOf')
    onTestFinished(() => asked.mockRestore())
    const relay = await startRelay({ throttle: 0 })
    await (await relay.open('/room/x')).json()
    const opener = asked.mock.calls.length
    await (await relay.open('/room/x')).json()
    expect(opener).toBeGreaterThan(0)
    expect(asked).toHaveBeenCalledTimes(opener)
  })

  it.each([
    ['no proxy is trusted', [], '192.0.2.1', '127.0.0.1'],
    ['one proxy stands in front', 1, '192.0.2.1', '192.0.2.1'],
    ['the client says more than the proxy', 1, '203.0.113.9, 192.0.2.1', '192.0.2.1'],
    ['two proxies stand in front', 2, '203.0.113.9, 192.0.2.1', '203.0.113.9'],
    ['a proxy is trusted by its address', '127.0.0.1', '192.0.2.1', '192.0.2.1'],
    ['proxies are trusted by their networks', 'loopback, 10.0.0.0/8', '203.0.113.9, 192.0.2.1, 10.1.1.1', '192.0.2.1'],
    ['another proxy is trusted', '10.0.0.0/8', '192.0.2.1', '127.0.0.1'],
    ['a client behind the proxy says that it is trusted', 'loopback', '127.0.0.1, 192.0.2.1', '192.0.2.1'],
    ['the proxy adds a port', 1, '192.0.2.1:4711', '192.0.2.1'],
    ['the proxy adds a port to IPv6', 1, '[2001:db8::1]:4711', '2001:db8::1'],
    ['the proxy maps IPv4 to IPv6', 1, '::ffff:192.0.2.1', '192.0.2.1'],
    ['the proxy knows none', 1, 'unknown', '127.0.0.1'],
    ['the header is no address', 1, '<script>', '127.0.0.1'],
    ['the proxy says nothing', 1, undefined, '127.0.0.1'],
  ] as const)('when %s', async (_name, trustProxy, forwarded, address) => {
    const options = { trustProxy: typeof trustProxy === 'object' ? [] : trustProxy }
    expect(await addressSeen(options, forwarded)).toBe(address)
  })

  it('is not taken from Forwarded, which a proxy that knows only the other header lets pass', async () => {
    const relay = await startRelay({ trustProxy: 1 })
    const opened = once(relay.relay, 'connection')
    const client = await RawClient.connect(relay)
    const headers = { Forwarded: 'for=203.0.113.9', 'X-Forwarded-For': '192.0.2.1' }
    expect(await client.write(upgradeRequest('/raw/x', headers)).head()).toMatchObject({ status: 101 })
    expect(await opened).toMatchObject([{ address: '192.0.2.1' }])
  })

  it('is that of the IPv4 client where the relay listens on IPv6 too', async () => {
    expect(await addressSeen({ host: '::ffff:127.0.0.1' }, undefined)).toBe('127.0.0.1')
  })

  it('is asked of the system by nobody who does not need it', () => {
    const asked = vi.fn(() => '192.0.2.1')
    const socket = Object.defineProperty({}, 'remoteAddress', { get: asked }) as Socket
    const clients = new AddressLimits(parseOptions({}), { limited() {} })
    clients.accept(socket)
    expect(clients.admit({ socket } as Parameters<AddressLimits['admit']>[0])).toBeUndefined()
    expect(asked).not.toHaveBeenCalled()
    expect(clients.addressOf(socket)).toBe('192.0.2.1')
  })
})

describe('MAX_CONNECTIONS_PER_IP', () => {
  it('lets an address have so many WebSockets, and others as many', async () => {
    const relay = await startRelay({ maxConnectionsPerIp: 2 })
    const counts = counted(relay.relay)
    const first = await shake(relay)
    const statuses = [(await shake(relay)).status, (await shake(relay)).status]
    expect([first.status, ...statuses]).toEqual([101, 101, 429])
    expect((await shake(relay, undefined, '127.0.0.2')).status).toBe(101)
    expect([...counts]).toEqual([['address-connections 127.0.0.1', 1]])
    first.socket.destroy()
    await until(() => relay.relay.stats().currentConnections === 2)
    expect((await shake(relay)).status).toBe(101)
  })

  it('says when to come again', async () => {
    const relay = await startRelay({ maxConnectionsPerIp: 1 })
    await shake(relay)
    expect(await shake(relay)).toMatchObject({ status: 429, headers: { 'retry-after': '10' } })
  })

  it('counts IPv6 by /64, and IPv4 in IPv6 as IPv4', async () => {
    const relay = await startRelay({ maxConnectionsPerIp: 1, trustProxy: 1 })
    const addresses = ['2001:db8::1', '2001:db8::ffff:2', '2001:db8:0:1::1', '192.0.2.1', '::ffff:192.0.2.1']
    const statuses: number[] = []
    for (const address of addresses) statuses.push((await shake(relay, address)).status)
    expect(statuses).toEqual([101, 429, 101, 101, 429])
  })

  it('bounds TCP connections that never say anything, too', async () => {
    const relay = await startRelay({ maxConnectionsPerIp: 4 })
    const counts = counted(relay.relay)
    const silent = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(relay, '127.0.0.2')))
    let gone = 0
    for (const { socket } of silent) socket.once('close', () => gone++)
    for (const { socket } of silent) socket.on('end', () => socket.destroy())
    await until(() => gone === 20)
    expect([...counts]).toEqual([['address-connections 127.0.0.2', 20]])
    expect((await shake(relay)).status).toBe(101)
  })

  it('leaves the connections of a trusted proxy alone', async () => {
    const relay = await startRelay({ maxConnectionsPerIp: 1, trustProxy: 'loopback' })
    for (let i = 1; i <= 40; i++) expect((await shake(relay, `192.0.2.${i}`)).status).toBe(101)
  })

  it('counts on the HTTP server of somebody else as well', async () => {
    const { server, port } = await attachRelay({ maxConnectionsPerIp: 1, trustProxy: 1 })
    expect((await shake({ port }, '192.0.2.1')).status).toBe(101)
    expect((await shake({ port }, '192.0.2.1')).status).toBe(429)
    expect((await shake({ port }, '192.0.2.2')).status).toBe(101)
    expect(server.listening).toBe(true)
  })
})

describe('a Unix socket', () => {
  it.runIf(process.platform !== 'win32')('has no address, and so no limit of one, but may be a proxy', async () => {
    const path = join(process.env['TMPDIR'] ?? '/tmp', `baton-${process.pid}.sock`)
    const { relay } = await attachRelay({ maxConnectionsPerIp: 1, trustProxy: 1 }, { listen: { path } })
    const { request } = await import('node:http')
    const ask = async (forwarded: string | undefined): Promise<number | undefined> => {
      const upgrade = request({
        socketPath: path,
        path: '/raw/x',
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Version': '13',
          'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
          ...(forwarded !== undefined && { 'X-Forwarded-For': forwarded }),
        },
      })
      upgrade.end()
      const answered = new Promise<number | undefined>((resolve) => {
        upgrade.once('upgrade', ({ statusCode }, socket) => {
          onTestFinished(() => void socket.destroy())
          resolve(statusCode)
        })
        upgrade.once('response', (response) => resolve(response.resume().statusCode))
      })
      return await answered
    }
    expect([await ask('192.0.2.1'), await ask('192.0.2.1'), await ask(undefined), await ask(undefined)]).toEqual([
      101, 429, 101, 101,
    ])
    expect(relay.stats().currentConnections).toBe(3)
  })
})

describe('CONNECTION_RATE_PER_IP', () => {
  it('lets an address open so many WebSockets a minute, in a burst and sustained', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const relay = await startRelay({ connectionRatePerIp: 3, heartbeatInterval: 0, joinTimeout: 0 })
    for (let minute = 0; minute < 5; minute++) {
      const statuses: number[] = []
      for (let i = 0; i < 5; i++) {
        const client = await shake(relay)
        statuses.push(client.status)
        client.socket.destroy()
      }
      expect(statuses).toEqual([101, 101, 101, 429, 429])
      vi.advanceTimersByTime(60_000)
    }
  })

  it('says when the next one may come', async () => {
    const relay = await startRelay({ connectionRatePerIp: 1 })
    const counts = counted(relay.relay)
    await shake(relay)
    const refused = (await shake(relay)) as unknown as { status: number; headers: Record<string, string> }
    expect(refused.status).toBe(429)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50)
    expect([...counts]).toEqual([['address-rate 127.0.0.1', 1]])
    expect((await shake(relay, undefined, '127.0.0.2')).status).toBe(101)
  })

  it('cuts connections off before they cost a handshake when they keep coming', async () => {
    const relay = await startRelay({ connectionRatePerIp: 2 })
    const counts = counted(relay.relay)
    for (let i = 0; i < 60; i++) {
      const client = await RawClient.connect(relay, '127.0.0.2')
      client.socket.destroy()
    }
    await until(() => counts.get('address-rate 127.0.0.2') === 40)
    expect((await shake(relay)).status).toBe(101)
  })
})

describe('the counts', () => {
  it('are gone with the clients', async () => {
    const relay = await startRelay({ maxConnectionsPerIp: 5, trustProxy: 1 })
    const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => shake(relay, `2001:db8:0:${i}::1`)))
    expect(clients.map(({ status }) => status)).toEqual(clients.map(() => 101))
    for (const { socket } of clients) socket.destroy()
    await until(() => openSockets() === 0)
    const again = await Promise.all(Array.from({ length: 5 }, () => shake(relay, '2001:db8:0:1::1')))
    expect(again.map(({ status }) => status)).toEqual(again.map(() => 101))
  })
})

describe('networks', () => {
  it('that are denied are cut off at once', async () => {
    const relay = await startRelay({ denyNetworks: ['127.0.0.2/31'] })
    const counts = counted(relay.relay)
    const denied = await RawClient.connect(relay, '127.0.0.3')
    expect(await denied.write(upgradeRequest()).head()).toBeUndefined()
    expect([...counts.keys()]).toEqual(['network 127.0.0.3'])
    expect((await shake(relay)).status).toBe(101)
  })

  it('that are not allowed are cut off at once, and deny counts before allow', async () => {
    const relay = await startRelay({ allowNetworks: '127.0.0.0/30', denyNetworks: '127.0.0.2' })
    for (const from of ['127.0.0.2', '127.0.0.5']) {
      const denied = await RawClient.connect(relay, from)
      expect(await denied.write(upgradeRequest()).head()).toBeUndefined()
    }
    expect((await shake(relay, undefined, '127.0.0.3')).status).toBe(101)
  })

  it.each<[string, RelayOptions]>([
    ['are not allowed', { allowNetworks: '203.0.113.0/24' }],
    ['are denied', { denyNetworks: 'loopback' }],
    ['are not allowed behind a proxy', { allowNetworks: '203.0.113.0/24', trustProxy: 1 }],
  ])('that %s have their /health from this machine alone, and nothing else (10.11)', async (_title, options) => {
    const { relay, http, port } = await startRelay({ ...options, adminToken: 'a token of an operator' })
    for (const path of ['/health', '/health/', '/health?verbose']) {
      expect((await fetch(http + path)).status).toBe(200)
    }
    for (const path of ['/', '/stats', '/metrics', '/dashboard', '/healthy', '/room/x']) {
      expect((await fetch(http + path)).status).toBe(403)
    }
    for (const path of ['/room/x', '/health']) {
      const client = await RawClient.connect({ port })
      expect(await client.write(upgradeRequest(path)).head()).toMatchObject({ status: 403 })
    }
    expect(relay.stats().connectionsTotal).toBe(0)
  })

  it('have /health on the port of the administrative pages too, whatever networks may connect (10.11)', async () => {
    const { relay, http } = await startRelay({ denyNetworks: 'loopback', adminPort: 0 })
    const check = fileURLToPath(new URL('../../deploy/health.js', import.meta.url))
    for (const port of [new URL(http).port, relay.adminAddress?.port]) {
      const child = spawn(process.execPath, [check], { env: { HOST: '127.0.0.1', PORT: String(port) } })
      expect(await once(child, 'exit')).toEqual([0, null])
    }
  })

  it('of strangers get no /health, nor do those who say that they are this machine (10.11)', async () => {
    const direct = await startRelay({ allowNetworks: '203.0.113.0/24' })
    const denied = await RawClient.connect(direct, '127.0.0.2')
    expect(await denied.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n').head()).toBeUndefined()
    const { http } = await startRelay({ allowNetworks: '203.0.113.0/24', trustProxy: 1 })
    const headers = { 'X-Forwarded-For': '127.0.0.1, 192.0.2.1' }
    expect((await fetch(`${http}/health`, { headers })).status).toBe(403)
  })

  it('that are allowed do not have a client whose address is not known', () => {
    const clients = new AddressLimits(parseOptions({ allowNetworks: '0.0.0.0/0, ::/0' }), { limited() {} })
    const request = { socket: {}, headers: {} } as Parameters<AddressLimits['forbid']>[0]
    expect(clients.forbid(request)).toMatchObject({ status: 403 })
  })

  it('count behind a proxy by what it says, for WebSockets and pages', async () => {
    const relay = await startRelay({ denyNetworks: ['192.0.2.0/24'], trustProxy: 1 })
    expect((await shake(relay, '192.0.2.1')).status).toBe(403)
    expect((await shake(relay, '192.0.3.1')).status).toBe(101)
    const statusOf = async (address: string): Promise<number> =>
      (await fetch(`${relay.http}/health`, { headers: { 'X-Forwarded-For': address } })).status
    expect([await statusOf('192.0.2.1'), await statusOf('192.0.3.1')]).toEqual([403, 200])
  })
})

describe('MAX_CONNECTIONS_PER_USER', () => {
  it('lets a user have so many, however the hook answers, and others as many', async () => {
    const relay = await startRelay({
      maxConnectionsPerUser: 2,
      authorize: async ({ query }) => ({ user: String(query.get('user')) }),
    })
    const limits = limitsHit(relay.relay)
    const open = async (user: string): ReturnType<typeof relay.open> => await relay.open(`/room/doc?user=${user}`)
    const [first] = [await open('ann'), await open('ann')]
    expect(await (await open('ann')).closed()).toEqual({ code: 1013, reason: 'Too many connections' })
    expect(await (await open('ben')).json()).toMatchObject({ type: 'connected' })
    expect(limits).toEqual(['user-connections'])
    await first.leave()
    expect(await (await open('ann')).json()).toMatchObject({ type: 'connected' })
  })

  it('counts a connection once, and for the user that it was last given', async () => {
    let user = 'ann'
    const relay = await startRelay({ maxConnectionsPerUser: 1, authorize: () => ({ user }) })
    const first = await relay.open('/y-webrtc')
    first.send({ type: 'subscribe', topics: ['a', 'b'] })
    await first.settled()
    user = 'ben'
    first.send({ type: 'subscribe', topics: ['c'] })
    await first.settled()
    expect(await (await relay.open('/raw/x')).closed()).toMatchObject({ code: 1013 })
    user = 'ann'
    await (await relay.open('/raw/x')).settled()
  })

  it('counts users by the `sub` of their tokens, and gives back what a connection had', async () => {
    const relay = await startRelay({ maxConnectionsPerUser: 1, jwtSecret: SECRET })
    const hit = limitsHit(relay.relay)
    const [ann, ben] = [await tokenFor({ sub: 'ann' }), await tokenFor({ sub: 'ben' })]
    const first = await relay.open(`/room/doc?token=${ann}`)
    expect(await first.json()).toMatchObject({ type: 'connected' })
    expect(await (await relay.open(`/raw/x?token=${ann}`)).closed()).toMatchObject({ code: 1013 })
    expect(await (await relay.open(`/room/doc?token=${ben}`)).json()).toMatchObject({ type: 'connected' })
    expect(hit).toEqual(['user-connections'])
    // A new token is no second connection.
    first.send({ type: 'auth', token: await tokenFor({ sub: 'ann' }) })
    expect(await first.json()).toMatchObject({ type: 'user-joined' })
    expect(await first.json()).toMatchObject({ type: 'auth' })
    await first.leave()
    expect(await (await relay.open(`/room/doc?token=${ann}`)).json()).toMatchObject({ type: 'connected' })
  })

  it('counts for the user that the hook names, and not for the token that many of them share', async () => {
    const asked: unknown[] = []
    let answer = (): void => {}
    const relay = await startRelay({
      maxConnectionsPerUser: 1,
      jwtSecret: SECRET,
      authorize: async ({ verb, user, query }) => {
        if (verb !== 'connect') return true
        asked.push(user)
        if (query.get('user') === 'ann')
          await new Promise<void>((resolve) => {
            answer = resolve
          })
        return { user: String(query.get('user')) }
      },
    })
    const token = await tokenFor({ sub: 'app' })
    const ann = await relay.open(`/room/doc?user=ann&token=${token}`)
    await until(() => asked.length === 1)
    const ben = await relay.open(`/room/doc?user=ben&token=${token}`)
    expect(await ben.json()).toMatchObject({ type: 'connected' })
    answer()
    expect(await ann.json()).toMatchObject({ type: 'connected' })
    ben.send({ type: 'auth', token: await tokenFor({ sub: 'app' }) })
    expect(await ben.json()).toMatchObject({ type: 'user-joined' })
    expect(await ben.json()).toMatchObject({ type: 'auth' })
    expect(asked).toEqual(['app', 'app', 'app'])
    expect(await (await relay.open(`/room/doc?user=ben&token=${token}`)).closed()).toMatchObject({ code: 1013 })
  })
})
