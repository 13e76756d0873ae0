import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { parseOptions } from '../../src/options/index.js'
import { parseDuration } from '../../src/options/units.js'
import { type Balancer, HOST, startBalancer } from '../support/balancer.js'
import type { Client } from '../support/client.js'
import { describeWith, hasCommand } from '../support/needs.js'
import { startRelay, type TestRelay } from '../support/relay.js'

/** Pings in a test, and how much longer everything takes in the shipped configurations. */
const HEARTBEAT = 400
const { heartbeatInterval } = parseOptions({})
const TIME = heartbeatInterval / HEARTBEAT

const LETSENCRYPT = `/etc/letsencrypt/live/${HOST}`

const nginx: Balancer = {
  program: 'nginx',
  file: 'deploy/nginx.conf',
  changes: ({ port, relays, cert, key }) => [
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ['listen [::]:443 ssl;', ''],
    ['127.0.0.1:3001', `127.0.0.1:${relays[0]}`],
    ['127.0.0.1:3002', `127.0.0.1:${relays[1]}`],
    [`${LETSENCRYPT}/fullchain.pem`, cert],
    [`${LETSENCRYPT}/privkey.pem`, key],
    ['/var/log/nginx/baton.log', 'stderr'],
    [`proxy_read_timeout ${idle.nginx}`, `proxy_read_timeout ${short(idle.nginx)}`],
    [`proxy_send_timeout ${idle.nginx}`, `proxy_send_timeout ${short(idle.nginx)}`],
  ],
  wrap: (config, folder) => {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${join(folder, name)};`,
    )
    const http = `http {\n${temporary.join('\n')}\n${config}\n}\n`
    return `error_log stderr;\npid ${join(folder, 'pid')};\nevents {}\n${http}`
  },
  // The master would leave its workers behind when it is killed.
  args: (config, folder) => ['-c', config, '-p', folder, '-g', 'daemon off; master_process off;'],
}

const haproxy: Balancer = {
  program: 'haproxy',
  file: 'deploy/haproxy.cfg',
  changes: ({ port, relays, folder }) => [
    ['bind :::443 v4v6 ssl', `bind 127.0.0.1:${port} ssl`],
    ['127.0.0.1:3001', `127.0.0.1:${relays[0]}`],
    ['127.0.0.1:3002', `127.0.0.1:${relays[1]}`],
    [`/etc/haproxy/certs/${HOST}.pem`, join(folder, 'both.pem')],
    ['maxconn 50000', 'maxconn 500'],
    ['log /dev/log local0', 'log stdout format raw local0'],
    ['check inter 2s', 'check inter 200ms'],
    [`timeout tunnel ${idle.haproxy}`, `timeout tunnel ${short(idle.haproxy)}`],
  ],
  args: (config) => ['-db', '-f', config],
}

const caddy: Balancer = {
  program: 'caddy',
  file: 'deploy/Caddyfile',
  changes: ({ port, relays, cert, key }) => [
    [`${HOST} {`, `${HOST}:${port} {\n\tbind 127.0.0.1\n\ttls ${cert} ${key}`],
    ['\n{\n', '\n{\n\tauto_https disable_redirects\n'],
    ['127.0.0.1:3001', `127.0.0.1:${relays[0]}`],
    ['127.0.0.1:3002', `127.0.0.1:${relays[1]}`],
    ['health_interval 2s', 'health_interval 200ms'],
    ['lb_try_duration 5s', 'lb_try_duration 300ms'],
  ],
  args: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
}

/** How long an idle WebSocket may stay open, as shipped. Caddy has no such time-out. */
const idle = {
  nginx: setting('deploy/nginx.conf', /proxy_read_timeout (\w+);/),
  haproxy: setting('deploy/haproxy.cfg', /timeout tunnel (\w+)/),
}

function setting(file: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(file, 'utf8'))?.[1] ?? ''
}

function short(time: string): string {
  return `${Math.round((parseDuration(time) ?? 0) / TIME)}ms`
}

it.each(Object.entries(idle))('%s waits longer than two of the relay’s pings', (_, time) => {
  expect(parseDuration(time)).toBeGreaterThan(2 * heartbeatInterval)
})

/** Two relays that note which rooms they have, and what the balancer says of its clients. */
async function startTwo(): Promise<{
  relays: [TestRelay, TestRelay]
  homes: Map<string, Set<number>>
  seen: unknown[]
}> {
  const homes = new Map<string, Set<number>>()
  const seen: unknown[] = []
  const start = async (number: number): Promise<TestRelay> => {
    const test = await startRelay({
      heartbeatInterval: HEARTBEAT,
      authorize: ({ verb, headers }) => {
        if (verb === 'connect') seen.push(headers['x-forwarded-for'])
        return true
      },
    })
    test.relay.on('join', ({ room }) => {
      homes.set(room, new Set(homes.get(room)).add(number))
    })
    return test
  }
  return { relays: [await start(0), await start(1)], homes, seen }
}

/** Two URLs each of the same room. */
const pairs = Array.from({ length: 8 }, (_, i) => [
  [`room-${i}`, `/room/room-${i}`, `/?room=room-${i}`],
  [`raw/tea ${i}`, `/raw/tea%20${i}`, `/raw/tea%20${i}?t=1`],
  [`gun/${i}`, `/gun/${i}`, `/gun/${i}`],
]).flat() as [room: string, one: string, other: string][]

/** A relay that answers late, on a machine that is busy, is passed over as it should be. */
const PATIENCE = { retry: 2 }

describeWith('nginx', hasCommand('nginx'), 'deploy/nginx.conf', () => behaves(nginx))
describeWith('haproxy', hasCommand('haproxy'), 'deploy/haproxy.cfg', () => behaves(haproxy))
describeWith('caddy', hasCommand('caddy'), 'deploy/Caddyfile', () => behaves(caddy))

function behaves(balancer: Balancer): void {
  it('brings the members of a room to one relay, and uses both', PATIENCE, async () => {
    const { relays, homes } = await startTwo()
    const { open } = await startBalancer(balancer, [relays[0].port, relays[1].port])
    await Promise.all(pairs.flatMap(([, ...paths]) => paths).map((path) => open(path)))
    for (const { relay } of relays) expect(relay.stats().currentConnections).toBeGreaterThan(0)
    expect(homes.size).toBe(pairs.length)
    for (const [room, numbers] of homes) expect([room, numbers.size]).toEqual([room, 1])
  })

  it('carries a conversation that falls silent, and tells the relay who is there', async () => {
    const { relays, seen } = await startTwo()
    const { open } = await startBalancer(balancer, [relays[0].port, relays[1].port])
    const ann = await open('/raw/doc')
    const ben = await open('/raw/doc', { 'X-Forwarded-For': '203.0.113.9' })
    ann.send('hello')
    expect(await ben.next()).toEqual({ text: 'hello' })
    // More pings than the balancer waits for in silence.
    for (let pings = 0; pings < 5; pings++) await once(ann.socket, 'ping')
    ben.send(Buffer.from('still here'))
    expect(await ann.next()).toEqual({ binary: Buffer.from('still here') })
    // Who believes the one proxy in front believes the last address, whatever the client claims.
    expect(seen.map((addresses) => String(addresses).split(', ').at(-1))).toEqual(['127.0.0.1', '127.0.0.1'])
    expect(seen[0]).toBe('127.0.0.1')
  })

  it('leaves the clients of a relay that stops to the other, and logs no room', async () => {
    const { relays, homes } = await startTwo()
    const { open, log, stop } = await startBalancer(balancer, [relays[0].port, relays[1].port])
    const ann = await open('/room/diary')
    await ann.json()
    const [home = 0] = homes.get('diary') ?? []
    const [first, second] = home === 0 ? relays : [relays[1], relays[0]]
    // Two connections, the second of which is closed a second after the first.
    await open('/room/diary')
    const closed = first.relay.close({ drain: 2000 })
    expect(await ann.closed()).toEqual({ code: 1001, reason: 'Server shutting down' })
    const back = await persist(() => open('/room/diary'))
    expect(await back.json()).toMatchObject({ type: 'connected', userCount: 1 })
    expect((await fetch(`${first.http}/health`)).status, 'it drains still').toBe(503)
    await closed
    const other = await persist(() => open('/room/diary?nickname=Ben'))
    expect(await other.json()).toMatchObject({ type: 'connected', userCount: 2 })
    expect(await back.json()).toMatchObject({ type: 'user-joined', nickname: 'Ben' })
    await second.relay.close({ drain: 0 })
    await expect(open('/room/diary')).rejects.toThrow(/50[23]/)
    await stop()
    expect(log()).not.toContain('diary')
  })
}

/** Tries until it is let in, as a client does. */
async function persist(open: () => Promise<Client>): Promise<Client> {
  for (;;) {
    try {
      return await open()
    } catch {
      await sleep(20)
    }
  }
}
