import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import Module from 'node:module'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { MemoryBus } from '../src/cluster/memory-bus.js'
import {
  type AuthorizeRequest,
  ListenError,
  OptionsError,
  Relay,
  type RelayOptions,
  type Verdict,
} from '../src/index.js'
import { attachRelay } from './support/attached.js'
import { makeCertificate } from './support/certificate.js'
import { Client } from './support/client.js'
import { NO_DEADLINES, stopClocks } from './support/clock.js'
import { RawClient, until, upgradeRequest } from './support/raw.js'
import { startRelay } from './support/relay.js'

/** The status with which an upgrade is refused. */
async function refusal(url: string): Promise<number> {
  const socket = new WebSocket(url)
  socket.on('error', () => {})
  const [outgoing, response] = await once(socket, 'unexpected-response')
  outgoing.destroy()
  return response.statusCode
}

describe('listen', () => {
  it('resolves with the address when it is ready', async () => {
    const { relay, port } = await startRelay()
    expect(port).toBeGreaterThan(0)
    await expect(relay.listen()).rejects.toThrow('A relay listens once')
  })

  it.each([1, 250, 1001, 60_000])('takes a joinTimeout of %i', async (joinTimeout) => {
    await startRelay({ joinTimeout })
  })

  it('leaves no port open when it is closed meanwhile', async () => {
    const relay = new Relay({ port: 0, host: '127.0.0.1', logLevel: 'silent' })
    const listening = relay.listen()
    await relay.close()
    const { port } = await listening
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow()
  })

  it('has all options that are wrong told of at once, those that only code can judge too', () => {
    const options = { clusterSecret: 'x'.repeat(16), requireOrigin: true, rateLimit: -1, logLevel: 'silent' } as const
    expect(() => new Relay(options)).toThrow(/^clusterSecret: .*\nrateLimit: .*\nrequireOrigin: .*$/)
  })

  it('rejects by name when the port is taken', async () => {
    const { port } = await startRelay()
    const second = new Relay({ port, host: '127.0.0.1', logLevel: 'silent' })
    const error = await second.listen().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ListenError)
    expect(error).toMatchObject({ name: 'ListenError', code: 'EADDRINUSE' })
    expect((error as Error).message).toContain(`Port ${port} is already in use`)
    await second.close()
  })

  it('takes leave of the other nodes when the port is taken, with any options', async () => {
    const { port } = await startRelay()
    const backplane = new MemoryBus().connect()
    const stop = vi.spyOn(backplane, 'stop')
    const relay = new Relay({ port, host: '127.0.0.1', logLevel: 'silent', stunUrls: 'stun:x', backplane })
    await expect(relay.listen()).rejects.toThrow(ListenError)
    expect(stop).toHaveBeenCalled()
  })

  it('rejects by name when the address is not its own', async () => {
    const relay = new Relay({ port: 0, host: '192.0.2.1', logLevel: 'silent' })
    await expect(relay.listen()).rejects.toMatchObject({ name: 'ListenError', code: 'EADDRNOTAVAIL' })
  })

  it('says how to get the privileges that a port needs', async () => {
    const relay = new Relay({ port: 443, host: '127.0.0.1', logLevel: 'silent' })
    const listen = vi.spyOn((await import('node:net')).Server.prototype, 'listen').mockImplementation(function (this: {
      emit(name: string, error: Error): boolean
    }) {
      this.emit('error', Object.assign(new Error('listen EACCES'), { code: 'EACCES' }))
      return this as never
    })
    onTestFinished(() => listen.mockRestore())
    const error = await relay.listen().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ name: 'ListenError', code: 'EACCES' })
    expect((error as Error).message).toMatch(/setcap 'cap_net_bind_service=\+ep'.*above 1023/)
  })
})

describe('close', () => {
  it('tells everyone, closes with 1001, and frees the port', async () => {
    const { relay, open, port } = await startRelay()
    const [writer, raw] = [await open('/room/doc'), await open('/raw/doc')]
    await writer.json()
    const closing = relay.close()
    expect(await writer.json()).toEqual({ type: 'server-shutdown', message: 'Server is shutting down' })
    expect(await writer.closed()).toEqual({ code: 1001, reason: 'Server shutting down' })
    expect(await raw.closed()).toEqual({ code: 1001, reason: 'Server shutting down' })
    await closing
    const next = new Relay({ port, host: '127.0.0.1', logLevel: 'silent' })
    await next.listen()
    await next.close()
  })

  it('closes in small groups over the drain period, and says so meanwhile', async () => {
    const { pass } = stopClocks()
    const { relay, open, url, http } = await startRelay(NO_DEADLINES)
    const clients = await Promise.all(Array.from({ length: 100 }, () => open('/raw/doc')))
    const left = (): number => relay.stats().currentConnections
    const ends = relay.close({ drain: 1000 })
    await once(clients[0]?.socket ?? relay, 'close')
    const health = await fetch(`${http}/health`)
    expect(health.status).toBe(503)
    expect(await health.json()).toMatchObject({ status: 'draining' })
    expect(await refusal(`${url}/raw/doc`)).toBe(503)
    // Those who are still there still hear each other; the last to come go last.
    const [first, second] = clients.slice(-2)
    first?.send('still here')
    expect(await second?.next()).toEqual({ text: 'still here' })
    const passTenths = async (count: number): Promise<void> => {
      for (let i = 0; i < count * 10; i++) {
        pass(0.01)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await passTenths(5)
    expect(left()).toBeGreaterThan(30)
    expect(left()).toBeLessThan(70)
    await passTenths(5)
    expect(left()).toBe(0)
    await ends
  })

  it('cuts those who do not answer, 10 s after the drain', async () => {
    const { pass } = stopClocks()
    const { relay, open } = await startRelay(NO_DEADLINES)
    const [stuck, other] = [await open('/raw/doc'), await open('/raw/doc')]
    stuck.socket.pause()
    let closed = false
    const ends = relay.close({ drain: 0 }).then(() => {
      closed = true
    })
    expect(await other.closed()).toMatchObject({ code: 1001 })
    pass(9.9)
    await new Promise((resolve) => setImmediate(resolve))
    expect(closed).toBe(false)
    pass(0.1)
    await ends
  })

  it('may be called by who hears that it begins (10.3)', async () => {
    const { relay } = await startRelay()
    let closings = 0
    const ends: Promise<void>[] = []
    relay.on('closing', () => {
      if (++closings === 1) ends.push(relay.close())
    })
    await relay.close()
    await Promise.all(ends)
    expect(closings).toBe(1)
  })

  it('may be called again, before and after the end', async () => {
    const { relay } = await startRelay()
    await Promise.all([relay.close(), relay.close()])
    await relay.close()
    await expect(relay.listen()).rejects.toThrow('A relay listens once')
    expect(() => relay.attach(createServer())).toThrow('This relay is closed')
  })

  it('takes another drain period, checked like the option', async () => {
    const { http, relay } = await startRelay()
    // It never throws, as a method that returns a promise (10.3).
    await expect(relay.close({ drain: 'soon' })).rejects.toThrow(OptionsError)
    await expect(relay.close({ drain: Number.NaN })).rejects.toThrow(OptionsError)
    expect((await fetch(`${http}/health`)).status).toBe(200)
    await relay.close({ drain: '1s' })
  })

  it.each<[string, RelayOptions, string]>([
    ['a TLS connection that says nothing', { enableTls: true }, ''],
    ['half a TLS handshake', { enableTls: true }, '\x16\x03\x01\x02\x00\x01'],
    ['a connection that says nothing', {}, ''],
    ['half a request', {}, 'GET / HT'],
    [
      'a page that a hook keeps waiting',
      { stunUrls: 'stun:x' },
      upgradeRequest('/ice-servers', { Upgrade: undefined }),
    ],
    ['the same behind an upgrade', { stunUrls: 'stun:x' }, upgradeRequest('/ice-servers', { Upgrade: 'h2c' })],
  ])('does not wait for %s, which has no deadline (10.3)', async (_what, options, bytes) => {
    const files = options.enableTls ? makeCertificate('stop') : {}
    const authorize = (): Promise<boolean> => new Promise(() => {})
    const relay = await startRelay({ joinTimeout: 0, authorize, ...files, ...options })
    const client = await RawClient.connect(relay)
    await client.drip([Buffer.from(bytes)])
    await relay.relay.close()
    client.socket.destroy()
  })

  it('works on a relay that never listened', async () => {
    await new Relay({ logLevel: 'silent' }).close()
  })

  it('leaves neither sockets nor timers, so that a process ends by itself', async () => {
    const script = `
      import { Relay } from './dist/index.js'
      const relay = new Relay({ port: 0, host: '127.0.0.1', logLevel: 'silent' })
      const { port } = await relay.listen()
      relay.once('join', () => relay.close())
      process.send(port)
      process.disconnect()`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 2, 2, 'ipc'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    const [port] = (await once(child, 'message')) as [number]
    const client = await Client.open(`ws://127.0.0.1:${port}/room/doc`)
    expect(await client.closed()).toMatchObject({ code: 1001 })
    expect(await exited).toEqual([0, null])
  })
})

describe('a room that expires', () => {
  it('goes on time while it has members, and a new one takes its name', async () => {
    const { pass } = stopClocks()
    const { relay, open } = await startRelay({ ...NO_DEADLINES, roomExpiry: '1h' })
    const ann = await open('/room/doc')
    await ann.json()
    pass(1800)
    const ben = await open('/room/doc')
    await ben.json()
    expect(await ann.json()).toMatchObject({ type: 'user-joined' })
    const removed = once(relay, 'room-removed')
    pass(1799)
    for (const client of [ann, ben]) expect(await client.settled()).toEqual([])
    pass(1)
    for (const client of [ann, ben]) {
      expect(await client.json()).toMatchObject({ type: 'room-expired', message: expect.any(String) })
      expect(await client.next()).toEqual({ code: 1000, reason: 'Room expired' })
    }
    expect(await removed).toEqual([{ dialect: 'impossible-writer', room: 'doc', why: 'expired' }])
    expect(await (await open('/room/doc')).json()).toMatchObject({ userCount: 1 })
  })

  it('is a matter of impossible-writer alone', async () => {
    const { open } = await startRelay({ roomExpiry: 50 })
    const raw = await open('/raw/doc')
    const peer = await open('/')
    peer.send({ type: 'join', topic: 't' })
    const writer = await open('/room/doc')
    await writer.closed()
    expect(await raw.settled()).toEqual([])
    expect(await peer.settled()).toEqual([])
  })
})

describe('events', () => {
  it('tell of connections, joins, leaves, rooms and the end', async () => {
    const { relay, open } = await startRelay()
    const heard: unknown[] = []
    for (const name of ['connection', 'room-created', 'join', 'leave', 'room-removed', 'disconnect'] as const) {
      relay.on(name, (info: object) => heard.push([name, info]))
    }
    const peer = await open('/')
    peer.send({ type: 'join', topic: 't', peerId: 'p' })
    await peer.settled()
    const ended = once(relay, 'disconnect')
    await peer.leave()
    await ended
    const connectionId = expect.stringMatching(/^[0-9a-f]{16}$/)
    const presence = { dialect: 'pluresdb', room: 't', connectionId, id: 'p', user: undefined }
    expect(heard).toEqual([
      ['connection', { connectionId, address: '127.0.0.1', dialect: undefined, user: undefined }],
      ['room-created', { dialect: 'pluresdb', room: 't' }],
      ['join', { ...presence, count: 1 }],
      ['leave', { ...presence, count: 0 }],
      ['room-removed', { dialect: 'pluresdb', room: 't', why: 'empty' }],
      [
        'disconnect',
        { connectionId, address: '127.0.0.1', dialect: 'pluresdb', user: undefined, code: 1000, reason: '' },
      ],
    ])
  })

  it.each<[string, string, (client: Client) => void, object]>([
    [
      'the close that the client sent',
      '/raw/doc',
      ({ socket }) => socket.close(4000, 'bye'),
      { code: 4000, reason: 'bye' },
    ],
    [
      'the close of the relay',
      '/room/a.b',
      () => {},
      { code: 1008, reason: expect.stringContaining('Invalid room ID') },
    ],
    ['a socket that broke', '/', (client) => client.drop(), { code: 1006, reason: '' }],
  ])('tell the end of a connection by %s, with its address', async (_what, path, leave, end) => {
    const { relay, open } = await startRelay()
    const ended = once(relay, 'disconnect')
    const client = await open(path)
    leave(client)
    expect(await ended).toEqual([expect.objectContaining({ address: '127.0.0.1', ...end })])
  })

  it.each(['connection', 'join', 'room-created'] as const)(
    'whose listener for %s throws cost one connection its life, with 1011, and nobody else anything',
    async (name) => {
      const { relay, open } = await startRelay()
      const bystander = await open('/room/doc')
      await bystander.json()
      relay.once(name, () => {
        throw new Error('a fault of the application')
      })
      const victim = await open('/room/other')
      expect(await victim.closed()).toEqual({ code: 1011, reason: 'Internal error' })
      expect(await bystander.settled()).toEqual([])
      expect(relay.stats()).toMatchObject({ currentConnections: 1, currentRooms: 1 })
    },
  )

  it('whose listener for leave throws, or rejects, leave everything in order', async () => {
    const { relay, open } = await startRelay()
    relay.on('leave', () => {
      throw new Error('a fault of the application')
    })
    relay.on('join', async () => {
      await Promise.reject(new Error('another one'))
    })
    const [ann, ben] = [await open('/room/doc'), await open('/room/doc')]
    await ben.leave()
    expect([await ann.json(), await ann.json(), await ann.json()].map(({ type }) => type)).toEqual([
      'connected',
      'user-joined',
      'user-left',
    ])
  })
})

describe('the authorize hook', () => {
  it('ends its connection alone by an error that cannot be read (10.1)', async () => {
    const error = Object.defineProperty(new Error('x'), 'more', {
      enumerable: true,
      get: () => {
        throw new Error('a getter')
      },
    })
    const { open, relay } = await startRelay({
      logLevel: 'error',
      authorize: async ({ path }) => {
        if (path === '/raw/broken') throw error
        return true
      },
    })
    relay.on('connection', async ({ dialect }) => {
      if (dialect === 'raw') throw error
    })
    const well = await open('/room/doc')
    expect(await (await open('/raw/broken')).closed()).toMatchObject({ code: 1011 })
    expect(await well.json()).toMatchObject({ type: 'connected' })
  })

  it('may answer by any thenable', async () => {
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about.
    const lazy = { then: (answer: (verdict: Verdict) => void) => answer({ user: 'ann' }) }
    const { open } = await startRelay({ authorize: () => lazy as Promise<Verdict> })
    expect(await (await open('/room/doc')).json()).toMatchObject({ type: 'connected' })
  })

  const asked = (): {
    requests: AuthorizeRequest[]
    answer: (verdict: (r: AuthorizeRequest) => Verdict) => (r: AuthorizeRequest) => Verdict
  } => {
    const requests: AuthorizeRequest[] = []
    return {
      requests,
      answer: (verdict) => (r) => {
        requests.push(r)
        return verdict(r)
      },
    }
  }

  it('is asked for each connection and each room, and names the user', async () => {
    const { requests, answer } = asked()
    const authorize = answer(({ verb }) => (verb === 'connect' ? { user: 'alice' } : true))
    const { relay, open } = await startRelay({ authorize })
    const joined = once(relay, 'join')
    const client = await open('/room/doc?token=t', { headers: { cookie: 'session=1' } })
    const { connectionId } = await client.json()
    expect(requests).toEqual([
      expect.objectContaining({ verb: 'connect', room: undefined, user: undefined, dialect: 'impossible-writer' }),
      expect.objectContaining({ verb: 'join', room: 'doc', user: 'alice', connectionId, address: '127.0.0.1' }),
    ])
    expect(requests[0]?.headers['cookie']).toBe('session=1')
    expect(requests[0]?.query.get('token')).toBe('t')
    expect((await joined)[0]).toMatchObject({ user: 'alice' })
  })

  it('refuses a connection with 1008', async () => {
    const { open, relay } = await startRelay({ authorize: () => false })
    expect(await (await open('/')).closed()).toEqual({ code: 1008, reason: 'Not allowed' })
    expect(relay.stats().currentConnections).toBe(0)
  })

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['an error', new Error('no')],
    ['a list', []],
    ['a word', 'yes'],
    ['a user that is no text', { user: 42 }],
  ])('refuses when it answers with %s', async (_what, answer) => {
    const { open } = await startRelay({ authorize: (() => answer) as never })
    expect(await (await open('/room/doc')).closed()).toEqual({ code: 1008, reason: 'Not allowed' })
  })

  it.each([
    ['/room/secret', undefined],
    ['/raw/secret', undefined],
    ['/', { type: 'join', topic: 'secret' }],
    ['/', { type: 'subscribe', topics: ['open', 'secret', 'open too'] }],
    ['/', { type: 'publish', topic: 'secret' }],
  ])('refuses a room at %s with 1008', async (path, first) => {
    const { open, relay } = await startRelay({ authorize: ({ room }) => !room?.includes('secret') })
    const client = await open(path)
    if (first) client.send(first)
    expect(await client.closed()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
    expect(relay.stats()).toMatchObject({ currentRooms: 0, currentConnections: 0 })
  })

  it('may take its time: what comes meanwhile waits, in order', async () => {
    let answer: (() => void) | undefined
    const authorize = async ({ verb }: AuthorizeRequest): Promise<Verdict> => {
      if (verb === 'join') await new Promise<void>((resolve) => (answer = resolve))
      return true
    }
    const { open } = await startRelay({ authorize })
    const asked = async (): Promise<() => void> => {
      await until(() => answer !== undefined)
      const given = answer ?? (() => {})
      answer = undefined
      return given
    }
    const listener = await open('/')
    listener.send({ type: 'join', topic: 't', peerId: 'l' })
    const letIn = await asked()
    letIn()
    await listener.settled()
    const peer = await open('/')
    peer.send({ type: 'join', topic: 't', peerId: 'p' })
    for (let i = 0; i < 100; i++) peer.send({ type: 'data', data: i })
    const letPeerIn = await asked()
    expect(await listener.settled()).toEqual([])
    letPeerIn()
    expect(await listener.json()).toMatchObject({ type: 'peer-joined', peerId: 'p' })
    for (let i = 0; i < 100; i++) expect(await listener.json()).toMatchObject({ data: i })
  })

  it('may take its time over several rooms of one message', async () => {
    const { open } = await startRelay({ authorize: async () => await Promise.resolve(true) })
    const client = await open('/')
    client.send({ type: 'subscribe', topics: ['a', 'b', 'c'] })
    client.send({ type: 'publish', topic: 'c', n: 1 })
    client.send({ type: 'unsubscribe', topics: ['c'] })
    client.send({ type: 'publish', topic: 'b', n: 2 })
    expect(await client.json()).toMatchObject({ topic: 'c', n: 1, clients: 1 })
    expect(await client.json()).toMatchObject({ topic: 'b', n: 2, clients: 1 })
  })

  it('that throws or rejects closes its connection with 1011, and nobody else’s', async () => {
    const { open } = await startRelay({
      authorize: ({ path }) => {
        if (path === '/room/throws') throw new Error('a fault of the application')
        return path === '/room/rejects' ? Promise.reject(new Error('another one')) : true
      },
    })
    const bystander = await open('/room/doc')
    await bystander.json()
    for (const path of ['/room/throws', '/room/rejects']) {
      expect(await (await open(path)).closed()).toEqual({ code: 1011, reason: 'Internal error' })
    }
    expect(await bystander.settled()).toEqual([])
  })

  it('that never answers cannot hold a connection beyond the deadline', async () => {
    const { open } = await startRelay({ joinTimeout: 100, authorize: () => new Promise(() => {}) })
    expect(await (await open('/room/doc')).closed()).toEqual({ code: 1008, reason: 'No room joined in time' })
  })

  it('that answers when the client has gone does nothing', async () => {
    let answer: ((verdict: Verdict) => void) | undefined
    const { open, relay } = await startRelay({
      authorize: ({ verb }) =>
        verb === 'connect' ||
        new Promise<Verdict>((resolve) => {
          answer = resolve
        }),
    })
    const joined = vi.fn()
    relay.on('join', joined)
    const client = await open('/room/doc')
    client.drop()
    await vi.waitFor(() => expect(relay.stats().currentConnections).toBe(0))
    answer?.(true)
    await new Promise((resolve) => setImmediate(resolve))
    expect(joined).not.toHaveBeenCalled()
    expect(relay.stats().currentRooms).toBe(0)
  })
})

describe('attach', () => {
  /** An application with a page and a WebSocket of its own. */
  async function startApp(prefix = ''): Promise<{ url: string; http: string; relay: Relay }> {
    const server = createServer((_request, response) => response.end('the app'))
    const own = new WebSocketServer({ noServer: true })
    server.on('upgrade', (incoming, socket, head) => {
      if (incoming.url === '/app') own.handleUpgrade(incoming, socket, head, (ws) => ws.send('the app'))
    })
    const { relay, port } = await attachRelay({}, { server, prefix })
    return { url: `ws://127.0.0.1:${port}`, http: `http://127.0.0.1:${port}`, relay }
  }

  it('shares a server with an application, and leaves its pages and other upgrade paths alone', async () => {
    const { url, http } = await startApp()
    const [ann, app] = [await Client.open(`${url}/room/doc`), await Client.open(`${url}/app`)]
    expect(await ann.json()).toMatchObject({ type: 'connected', roomId: 'doc' })
    expect(await app.next()).toEqual({ text: 'the app' })
    for (const path of ['/', '/health', '/stats']) expect(await (await fetch(http + path)).text()).toBe('the app')
    for (const client of [ann, app]) client.drop()
  })

  it('keeps to a prefix', async () => {
    const { url, http } = await startApp('/relay/')
    expect(await (await fetch(`${http}/relay/`)).text()).toBe('the app')
    const [ann, app] = [await Client.open(`${url}/relay/room/doc`), await Client.open(`${url}/app`)]
    expect(await ann.json()).toMatchObject({ roomId: 'doc' })
    const peer = await Client.open(`${url}/relay`)
    peer.send({ type: 'ping' })
    expect(await peer.json()).toEqual({ type: 'pong' })
    const lost = await Client.open(`${url}/relay/elsewhere`)
    expect(await lost.closed()).toMatchObject({ code: 1008 })
    for (const client of [ann, app, peer]) client.drop()
  })

  it('tells of all wrong options at once', () => {
    const relay = new Relay({ logLevel: 'silent' })
    const options = { prefix: 3, prefx: '/a' } as unknown as { prefix?: string }
    expect(() => relay.attach(createServer(), options)).toThrow(
      'prefix: must begin with a slash\nprefx: there is no such option',
    )
  })

  it('refuses a prefix that could never match', () => {
    const relay = new Relay({ logLevel: 'silent' })
    expect(() => relay.attach(createServer(), { prefix: 'relay' })).toThrow('prefix: must begin with a slash')
  })

  it('answers an upgrade that nobody takes with 404 if nobody else listens', async () => {
    const { port } = await attachRelay()
    expect(await refusal(`ws://127.0.0.1:${port}/elsewhere`)).toBe(404)
    expect(await refusal(`ws://127.0.0.1:${port}/relayed`)).toBe(404)
  })

  /** A server with two relays, each below a prefix, and perhaps an application that listens to upgrades too. */
  async function startTwo(app?: (request: IncomingMessage, socket: Duplex) => void): Promise<{ port: number }> {
    const server = createServer((_request, response) => response.end('the app'))
    const options = { logLevel: 'silent', joinTimeout: 200 } as const
    const relays = ['/a', '/b'].map((prefix) => new Relay(options).attach(server, { prefix }))
    if (app) server.on('upgrade', app)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(async () => {
      await Promise.all(relays.map((relay) => relay.close({ drain: 0 })))
      server.close()
    })
    return server.address() as AddressInfo
  }

  it.each([
    ['with two relays on one server', undefined],
    ['with another listener that leaves it alone', () => {}],
  ])('answers an upgrade that nobody takes with 404 %s (10.39)', async (_title, app) => {
    const address = await startTwo(app)
    for (const path of ['/elsewhere', '/', '/ab']) {
      const client = await RawClient.connect(address)
      expect(await client.write(upgradeRequest(path)).head()).toMatchObject({ status: 404 })
      await client.body(9)
      await client.ended()
    }
    for (const path of ['/a/room/x', '/b/room/x']) {
      const client = await RawClient.connect(address)
      expect(await client.write(upgradeRequest(path)).head()).toMatchObject({ status: 101 })
      expect(await client.json()).toMatchObject({ type: 'connected', userCount: 1 })
      client.socket.destroy()
    }
  })

  it('leaves an upgrade to another listener that has taken it, even if it says nothing yet (10.39)', async () => {
    let take = (_socket: Duplex): void => {}
    const taken = new Promise<Duplex>((resolve) => {
      take = resolve
    })
    const address = await startTwo((_request, socket) => take(socket))
    const client = await RawClient.connect(address)
    client.write(upgradeRequest('/elsewhere'))
    const socket = await taken
    socket.on('data', () => {})
    // Its own upgrade is refused when the time is over, which for the first was over before.
    const later = await RawClient.connect(address)
    expect(await later.write(upgradeRequest('/a/')).head()).toMatchObject({ status: 101 })
    expect(await later.close()).toMatchObject({ code: 1008 })
    socket.end('mine')
    expect(await client.body(4)).toBe('mine')
  })

  it.each(['before', 'while the answers before it are made'])(
    'answers an upgrade that nobody wants though the relay is closed, when it came %s (10.39)',
    async (when) => {
      const answers: ServerResponse[] = []
      const server = createServer((_request, response) => void answers.push(response))
      if (when === 'before') server.on('upgrade', () => {})
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(() => void server.close())
      const relay = new Relay({ logLevel: 'silent', joinTimeout: 200 }).attach(server)
      const client = await RawClient.connect(server.address() as AddressInfo)
      if (when === 'before') client.write(upgradeRequest('/elsewhere'))
      else client.write('GET /page HTTP/1.1\r\nHost: x\r\n\r\n', upgradeRequest('/elsewhere'))
      await once(server, when === 'before' ? 'upgrade' : 'request')
      await relay.close({ drain: 0 })
      for (const answer of answers) answer.end('page')
      if (answers.length > 0) {
        const page = await client.head()
        expect(page?.status).toBe(200)
        await client.body(Number(page?.headers['content-length']))
      }
      expect(await client.head()).toMatchObject({ status: 404 })
    },
  )

  it('gives an upgrade that two relays want to the first (10.39)', async () => {
    const server = createServer()
    const relays = [1, 2].map(() => new Relay({ logLevel: 'silent' }).attach(server))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(async () => {
      await Promise.all(relays.map((relay) => relay.close({ drain: 0 })))
      server.close()
    })
    const client = await RawClient.connect(server.address() as AddressInfo)
    expect(await client.write(upgradeRequest('/room/x')).head()).toMatchObject({ status: 101 })
    expect(await client.json()).toMatchObject({ type: 'connected' })
    await client.answers()
    expect(relays.map((relay) => relay.stats().currentConnections)).toEqual([1, 0])
  })

  it('says which package is missing for redisUrl (10.39)', () => {
    const resolve = vi.spyOn(Module as unknown as { _resolveFilename(): string }, '_resolveFilename')
    resolve.mockImplementation(() => {
      throw Object.assign(new Error('not there'), { code: 'MODULE_NOT_FOUND' })
    })
    onTestFinished(() => resolve.mockRestore())
    const relay = new Relay({ logLevel: 'silent', redisUrl: 'redis://127.0.0.1:1' })
    const server = createServer()
    expect(() => relay.attach(server)).toThrow(
      'redisUrl: needs a package that is not installed: npm install @redis/client',
    )
    expect(server.listenerCount('upgrade')).toBe(0)
  })

  it('ends with close, and the server lives on', async () => {
    const { url, http, relay } = await startApp()
    const ann = await Client.open(`${url}/room/doc`)
    await relay.close()
    expect((await ann.closed()).code).toBe(1001)
    expect(await (await fetch(http)).text()).toBe('the app')
    const app = await Client.open(`${url}/app`)
    expect(await app.next()).toEqual({ text: 'the app' })
    app.drop()
  })
})

describe('options', () => {
  it('are checked at construction, with a line for each that is wrong', () => {
    const wrong = { port: -1, roomExpiry: 'soon', colour: 'red' } as never
    expect(() => new Relay(wrong)).toThrow(
      new OptionsError([
        { option: 'port', problem: 'must be a whole number from 0 to 65535 (got -1)' },
        { option: 'roomExpiry', problem: 'must be a duration such as 24h, 30s or 500 (milliseconds) (got "soon")' },
        { option: 'colour', problem: 'there is no such option' },
      ]),
    )
  })

  it('are never read from the environment', async () => {
    vi.stubEnv('PORT', '1')
    vi.stubEnv('RATE_LIMIT', 'nonsense')
    onTestFinished(() => {
      vi.unstubAllEnvs()
    })
    const { port } = await startRelay()
    expect(port).not.toBe(1)
  })
})

describe('keep-alive requests', () => {
  it('do not hold up the end', async () => {
    const { relay, http } = await startRelay()
    const outgoing = request(http, { headers: { connection: 'keep-alive' } })
    outgoing.end()
    const [response] = await once(outgoing, 'response')
    response.resume()
    await once(response, 'end')
    await relay.close()
  })
})
