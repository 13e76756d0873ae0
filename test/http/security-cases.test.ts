import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { optionInfos } from '../../src/options/index.js'
import { attachRelay } from '../support/attached.js'
import { Client, textOf } from '../support/client.js'
import { startCommand } from '../support/command.js'
import {
  besideConversation,
  closing,
  frame,
  Op,
  openSockets,
  RawClient,
  until,
  upgradeRequest,
} from '../support/raw.js'
import { limitsHit, nextLimit, startRelay } from '../support/relay.js'

/** Attacks and faults that relays of this kind have fallen to, one test or more for each. */

type Json = Record<string, unknown>

const MEGABYTE = 2 ** 20

/** Frames of JSON texts, one behind the other. */
function frames(texts: Iterable<object | string>): Buffer {
  return Buffer.concat(
    Array.from(texts, (text) => frame(Op.text, typeof text === 'string' ? text : JSON.stringify(text))),
  )
}

describe('a compressed bomb', () => {
  it('cannot be sent: compression is not negotiated, and its bit breaks the frame', async () => {
    const relay = await startRelay({ throttle: 0 })
    await besideConversation(relay, async () => {
      const raw = await RawClient.connect(relay)
      const offer = 'permessage-deflate; client_max_window_bits, x-webkit-deflate-frame'
      const head = await raw.write(upgradeRequest('/raw/x', { 'Sec-WebSocket-Extensions': offer })).head()
      expect(head?.status).toBe(101)
      expect(head?.headers).not.toHaveProperty('sec-websocket-extensions')
      raw.write(frame(Op.text, Buffer.from('aa040000', 'hex'), { rsv: 4 }))
      expect(await raw.close()).toMatchObject({ code: 1002 })
      await raw.ended()
    })
  })
})

describe('a flood of tiny or empty fragments', () => {
  it.each(['', 'x'])('of %j slows its sender down', async (payload) => {
    const relay = await startRelay({ throttle: 1000 })
    await besideConversation(relay, async () => {
      const hit = nextLimit(relay.relay)
      const raw = await RawClient.open(relay)
      raw.write(frame(Op.text, payload, { fin: false }))
      const more = frame(Op.continuation, payload, { fin: false })
      raw.write(Buffer.concat(Array.from({ length: 20_000 }, () => more)))
      expect(await hit).toBe('throttle')
      await raw.answers()
    })
  })
})

describe('a frame length with the top bit set', () => {
  it('is too big', async () => {
    const relay = await startRelay({ throttle: 0 })
    await besideConversation(relay, async () => {
      const raw = await RawClient.open(relay)
      raw.write(frame(Op.binary, '', { length: 2n ** 63n + 5n }))
      expect(await raw.close()).toEqual({ code: 1009, reason: 'Message too big' })
      await raw.ended()
    })
  })
})

describe('too many headers, or odd ones', () => {
  it.each([
    ['thousands of headers', upgradeRequest().replace('\r\n', `\r\n${'a:b\r\n'.repeat(3000)}`)],
    ['a header that never ends', `GET / HTTP/1.1\r\nX: ${'x'.repeat(100_000)}`],
    ['a subprotocol of commas', upgradeRequest('/', { 'Sec-WebSocket-Protocol': ','.repeat(10_000) })],
    ['a subprotocol of spaces', upgradeRequest('/', { 'Sec-WebSocket-Protocol': `a${' '.repeat(10_000)}b` })],
    ['a header without a name', upgradeRequest('/', { '': 'x' })],
  ])('such as %s are answered with a 4xx', async (_name, request) => {
    const relay = await startRelay({ throttle: 0 })
    await besideConversation(relay, async () => {
      const raw = await RawClient.connect(relay)
      const head = await raw.write(request).head()
      expect(String(head?.status)).toMatch(/^4\d\d$/)
    })
  })
})

const deep = '['.repeat(100_000) + ']'.repeat(100_000)

/** In impossible-writer any type will do that JavaScript takes for true. */
const oddTypes = {
  'a type that is an object': '{"type":{"toString":1}}',
  'a type in an array': '{"type":["data"],"data":1}',
}

const badTexts: Record<string, string | Buffer> = {
  nothing: '',
  'no JSON': 'hello',
  'half of an object': '{"type":"data"',
  'a NUL': '\0',
  'a byte order mark': '\ufeff{"type":"data","data":1}',
  null: 'null',
  'a number': '-1e400',
  'a boolean': 'true',
  'a string': '"data"',
  'an array': '[{"type":"data","data":1}]',
  'arrays in arrays': deep,
  'an empty object': '{}',
  'a type that is null': '{"type":null}',
  'two types': '{"type":"error","type":"data","data":1}',
  'a reserved type in an array': '{"type":["error"]}',
  'a type in __proto__': '{"__proto__":{"type":"data","data":1}}',
  'bytes that are no text': Buffer.from('{"type":"data","data":"\xff"}', 'latin1'),
}

/** Two that hear each other in each dialect. */
const talks: Record<string, { path: string; join?: Json; good: Json; bad: Record<string, string> }> = {
  'impossible-writer': {
    path: '/room/doc',
    good: { type: 'content' },
    bad: {
      'an empty type': '{"type":""}',
      'a type of 0 around arrays in arrays': `{"type":-0,"x":${deep}}`,
    },
  },
  pluresdb: {
    path: '/pluresdb',
    join: { type: 'join', topic: 't', peerId: 'p' },
    good: { type: 'data', data: 1 },
    bad: {
      'no data': '{"type":"data"}',
      ...oddTypes,
      'two data': `{"type":"data","data":1,"data":${deep}}`,
      'a topic that is an object': '{"type":"join","topic":{}}',
      'a topic of 300 characters': `{"type":"join","topic":"${'t'.repeat(300)}"}`,
      'a peerId that is an array': '{"type":"join","topic":"t","peerId":["a"]}',
      'another type': '{"type":"__proto__"}',
    },
  },
  'y-webrtc': {
    path: '/y-webrtc',
    join: { type: 'subscribe', topics: ['t'] },
    good: { type: 'publish', topic: 't' },
    bad: {
      'no topic': '{"type":"publish"}',
      'a topic that is an array': '{"type":"publish","topic":["t"]}',
      ...oddTypes,
      'topics of arrays in arrays': `{"type":"subscribe","topics":${deep}}`,
      'topics that are no list': '{"type":"subscribe","topics":{"length":1,"0":"a"}}',
      'a topic among others that is null': '{"type":"subscribe","topics":["a",null]}',
      'another type': '{"type":"constructor"}',
    },
  },
}

describe('one bad frame that kills the process', () => {
  const rows = Object.entries(talks).flatMap(([dialect, talk]) =>
    Object.entries({ ...badTexts, ...talk.bad }).map(([name, text]) => [name, dialect, talk, text] as const),
  )

  it.each(rows)('is answered to its sender alone: %s in %s', async (_name, _dialect, { path, join, good }, text) => {
    const { open } = await startRelay()
    const [sender, other] = [await open(path), await open(path)]
    for (const client of [sender, other]) {
      if (join) client.send({ ...join, peerId: client === sender ? 'a' : 'b' })
      await client.settled()
    }
    await sender.settled()
    sender.send(text)
    expect(await sender.json()).toMatchObject({ type: 'error' })
    expect(await other.settled()).toEqual([])
    sender.send(good)
    expect(await other.json()).toMatchObject(good)
  })

  it.each(Object.entries(badTexts))('is answered before a dialect is chosen: %s', async (_name, text) => {
    const { open } = await startRelay()
    const client = await open('/')
    client.send(text)
    expect(await client.json()).toMatchObject({ type: 'error' })
    client.send({ type: 'ping' })
    expect(await client.json()).toEqual({ type: 'pong' })
  })

  it('may hold what JSON allows, and is relayed as it came', async () => {
    const { open } = await startRelay()
    const [a, b] = [await open('/room/doc'), await open('/room/doc')]
    await b.json()
    const fields = `"\\ud800":"\\udfff","\\u0000":"\\u2028","__proto__":{"x":1},"deep":${deep},"n":1e400`
    a.send(`{"type":"odd",${fields}}`)
    expect(textOf(await b.next()).startsWith(`{"type":"odd",${fields},"connectionId":"`)).toBe(true)
  })
})

describe('error and close that both run the leave path', () => {
  const bye = frame(Op.close, closing(1000))
  const endings: [name: string, end: (raw: RawClient) => void][] = [
    ['a goodbye', (raw) => raw.write(bye)],
    ['a goodbye and half a socket', (raw) => raw.write(bye).socket.end()],
    ['a goodbye and a reset', (raw) => raw.write(bye).socket.resetAndDestroy()],
    ['half a socket', (raw) => raw.socket.end()],
    ['no goodbye', (raw) => raw.socket.destroy()],
    ['a reset', (raw) => raw.socket.resetAndDestroy()],
    ['a bad frame', (raw) => raw.write(frame(3))],
    ['a bad frame and a reset', (raw) => raw.write(frame(3)).socket.resetAndDestroy()],
    ['a bad frame and a goodbye', (raw) => raw.write(frame(3), bye).socket.end()],
    ['two goodbyes', (raw) => raw.write(bye, bye)],
  ]
  const dialects: [path: string, join: Json, joined: string, left: string][] = [
    ['/room/doc', { type: 'hello' }, 'user-joined', 'user-left'],
    ['/pluresdb', { type: 'join', topic: 't' }, 'peer-joined', 'peer-left'],
  ]
  const rows = endings.flatMap(([name, end]) => dialects.map((dialect) => [name, ...dialect, end] as const))

  it.each(rows)('announce a leave once: after %s at %s', async (_name, path, join, joined, left, end) => {
    const { relay, open, port } = await startRelay()
    const listener = await open(path)
    listener.send(join)
    await listener.settled()
    const raw = await RawClient.open({ port }, path)
    await raw.write(frames([join])).answers()
    const gone = once(relay, 'leave')
    end(raw)
    // Something is on its way to it when it goes.
    for (let i = 0; i < 50; i++) listener.send({ type: 'data', data: i })
    await gone
    raw.socket.destroy()
    await until(() => openSockets() === 2)
    const next = await open(path)
    next.send(join)
    const heard: unknown[] = []
    while (heard.filter((type) => type === joined).length < 2) heard.push((await listener.json())['type'])
    expect(heard.filter((type) => type !== join['type'])).toEqual([joined, left, joined])
    expect(relay.stats()).toMatchObject({ currentConnections: 2, disconnectionsTotal: 1, currentRooms: 1 })
  })
})

describe('messages queued without bound before a join', () => {
  it('are not even read while the hook thinks, and the deadline ends it', async () => {
    const relay = await startRelay({ joinTimeout: 500, authorize: () => new Promise<boolean>(() => {}) })
    const raw = await RawClient.open(relay, '/room/doc')
    const message = frame(Op.text, 'x'.repeat(MEGABYTE))
    for (let i = 0; i < 64; i++) raw.write(message)
    expect(await raw.close()).toEqual({ code: 1008, reason: 'No room joined in time' })
    expect(raw.socket.writableLength).toBeGreaterThan(32 * MEGABYTE)
  })

  it('meet the deadline however much is said at /', async () => {
    const relay = await startRelay({ joinTimeout: 300, throttle: 0 })
    const raw = await RawClient.open(relay, '/')
    const chatter = setInterval(() => raw.write(frames(['hello?', { type: 'ping-pong' }])), 10)
    onTestFinished(() => clearInterval(chatter))
    expect(await raw.close()).toEqual({ code: 1008, reason: 'No room joined in time' })
  })
})

describe('writing to a room without being in it', () => {
  it('is asked of the hook where the protocol allows it', async () => {
    const relay = await startRelay({ authorize: ({ verb }) => verb !== 'publish' })
    const subscriber = await relay.open('/y-webrtc')
    subscriber.send({ type: 'subscribe', topics: ['t'] })
    await subscriber.settled()
    const stranger = await relay.open('/y-webrtc')
    stranger.send({ type: 'publish', topic: 't' })
    expect(await stranger.closed()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
    expect(await subscriber.settled()).toEqual([])
  })
})

describe('a second join that leaves a ghost in the first topic', () => {
  it('moves the connection: left there, joined here', async () => {
    const { relay, open } = await startRelay()
    const [first, second, mover] = [await open('/'), await open('/'), await open('/')]
    first.send({ type: 'join', topic: '1', peerId: 'first' })
    second.send({ type: 'join', topic: '2', peerId: 'second' })
    await Promise.all([first.settled(), second.settled()])
    mover.send({ type: 'join', topic: '1', peerId: 'mover' }).send({ type: 'join', topic: '2', peerId: 'mover' })
    expect(await first.json()).toEqual({ type: 'peer-joined', peerId: 'mover', topic: '1' })
    expect(await first.json()).toEqual({ type: 'peer-left', peerId: 'mover', topic: '1' })
    expect(await second.json()).toEqual({ type: 'peer-joined', peerId: 'mover', topic: '2' })
    await mover.settled()
    first.send({ type: 'data', data: 'to the ghost' })
    await first.settled()
    expect(await mover.settled()).toEqual([])
    await Promise.all([first.leave(), mover.leave()])
    expect(relay.stats()).toMatchObject({ topics: 1, peers: 1 })
  })
})

describe('a client-chosen id that is taken twice', () => {
  it('is announced once, and gone with the last connection that has it', async () => {
    const { open, port } = await startRelay()
    const witness = await open('/')
    witness.send({ type: 'join', topic: 't', peerId: 'witness' })
    const half = await RawClient.open({ port }, '/')
    half.write(frames([{ type: 'join', topic: 't', peerId: 'twin' }]))
    expect(await witness.json()).toMatchObject({ type: 'peer-joined', peerId: 'twin' })
    const again = await open('/')
    again.send({ type: 'join', topic: 't', peerId: 'twin' })
    expect(await again.json()).toMatchObject({ type: 'peer-joined', peerId: 'witness' })
    half.socket.resetAndDestroy()
    again.send({ type: 'data', data: 'still here' })
    expect(await witness.json()).toMatchObject({ type: 'data', peerId: 'twin' })
    await again.leave()
    expect(await witness.json()).toEqual({ type: 'peer-left', peerId: 'twin', topic: 't' })
    expect(await witness.settled()).toEqual([])
  })
})

describe('forged notices of the relay', () => {
  it.each(['connected', 'user-joined', 'user-left', 'room-expired', 'server-shutdown', 'error', 'history'])(
    'are refused: %s',
    async (type) => {
      const { open } = await startRelay()
      const [forger, victim] = [await open('/room/doc'), await open('/room/doc')]
      await Promise.all([forger.settled(), victim.settled()])
      const escaped = `\\u00${type.charCodeAt(0).toString(16)}${type.slice(1)}`
      for (const text of [`{"type":"${type}"}`, `{"type":"${escaped}"}`, `{"type":"x","type":"${type}"}`]) {
        forger.send(text)
        expect(await forger.json()).toMatchObject({ type: 'error', code: 'INVALID_MESSAGE' })
      }
      expect(await victim.settled()).toEqual([])
    },
  )

  it('cannot come under the name of somebody else', async () => {
    const { open } = await startRelay()
    const [forger, victim] = [await open('/room/doc'), await open('/room/doc')]
    const { connectionId } = await forger.json()
    await victim.json()
    const stamps = [
      '"connectionId":"0000000000000000","timestamp":1',
      '"connectionId":null',
      '"\\u0063onnectionId":"0000000000000000"',
      '"timestamp":0',
    ]
    for (const stamp of stamps) {
      forger.send(`{"type":"x",${stamp}}`)
      const text = textOf(await victim.next())
      expect(JSON.parse(text)).toEqual({ type: 'x', connectionId, timestamp: expect.toSatisfy((t) => t > 1e12) })
      // Nor for a parser that takes the first of two fields of a name.
      expect(text).not.toContain('0000')
    }
    const [peer, other] = [await open('/'), await open('/')]
    peer.send({ type: 'join', topic: 't', peerId: 'peer' })
    other.send({ type: 'join', topic: 't', peerId: 'other' })
    expect(await other.json()).toMatchObject({ peerId: 'peer' })
    peer.send({ type: 'data', data: 1, peerId: 'other', topic: 'elsewhere' })
    expect(await other.json()).toEqual({ type: 'data', peerId: 'peer', data: 1 })
    peer.send({ type: 'peer-left', peerId: 'other', topic: 't' })
    expect(await other.settled()).toEqual([])
  })
})

describe('amplification', () => {
  it('of one frame that names thousands of topics is refused, and none of it happens', async () => {
    const { relay, open } = await startRelay()
    const client = await open('/y-webrtc')
    client.send({ type: 'subscribe', topics: Array.from({ length: 10_000 }, (_, i) => `topic ${i}`) })
    client.send({ type: 'subscribe', topics: Array.from({ length: 10_000 }, () => 'the same') })
    for (let i = 0; i < 2; i++) {
      expect(await client.json()).toEqual({ type: 'error', message: 'Too many topics: at most 1000 a connection' })
    }
    expect(relay.stats().currentRooms).toBe(0)
    for (let i = 0; i < 11; i++) {
      client.send({ type: 'subscribe', topics: Array.from({ length: 100 }, (_, n) => `topic ${i} ${n}`) })
    }
    await client.settled()
    expect(relay.stats().currentRooms).toBe(1000)
  })

  it('of joins is bounded: answers to one read of the socket do not outgrow maxBufferedBytes', async () => {
    const limit = MEGABYTE / 2
    const { relay, port, sockets } = await attachRelay({ maxMessageBytes: limit, maxBufferedBytes: limit, throttle: 0 })
    for (let i = 0; i < 100; i++) {
      const member = await RawClient.open({ port }, '/pluresdb')
      await member.write(frames([{ type: 'join', topic: 't', peerId: String(i).padEnd(128) }])).answers()
    }
    const raw = await RawClient.open({ port }, '/pluresdb')
    raw.socket.pause()
    raw.write(frames(Array.from({ length: 1400 }, (_, i) => ({ type: 'join', topic: 't', peerId: `${i % 2}` }))))
    expect(await nextLimit(relay)).toBe('backlog')
    expect(sockets.at(-1)?.writableLength).toBeLessThan(2 * limit)
  })

  it.each([
    ['/pluresdb', { type: 'join', topic: 't' }, [{ type: 'data', data: 1 }, 'not JSON']],
    ['/y-webrtc', { type: 'subscribe', topics: ['t'] }, [{ type: 'publish', topic: 't' }, { type: 'ping' }]],
    ['/room/doc', { type: 'hello' }, [{ type: 'x' }, 'not JSON']],
  ])('of answers is bounded: however many %s asks for, the others get one batch a turn', async (path, join, asks) => {
    const { port, sockets } = await attachRelay({ rateLimit: 0 })
    const listener = await RawClient.open({ port }, path)
    await listener.write(frames([join])).answers()
    const [socket] = sockets
    const writes = vi.spyOn(socket as Socket, 'write')
    const raw = await RawClient.open({ port }, path)
    await raw.write(frames([join, ...Array.from({ length: 400 }, () => asks).flat()])).answers()
    await listener.answers()
    expect(writes.mock.calls.length).toBeLessThan(20)
  })

  it.each(['/raw/x', '/room/x'])('of pings is bounded: at %s too many slow their sender down', async (path) => {
    const { relay, port } = await startRelay()
    const raw = await RawClient.open({ port }, path)
    const hit = nextLimit(relay)
    const ping = frame(Op.ping)
    raw.write(Buffer.concat(Array.from({ length: 1500 }, () => ping)))
    expect(await hit).toBe('throttle')
  })
})

describe('a spoofed X-Forwarded-For', () => {
  it.each([
    ['nobody is trusted', []],
    ['others are', '10.0.0.0/8'],
  ])('gains nothing when %s: each new name is the same client', async (_name, trustProxy) => {
    const relay = await startRelay({ trustProxy, maxConnectionsPerIp: 2 })
    const statuses: (number | undefined)[] = []
    for (let i = 0; i < 4; i++) {
      const raw = await RawClient.connect(relay)
      const spoofed = { 'X-Forwarded-For': `192.0.2.${i}`, Forwarded: `for=192.0.2.${i}`, 'X-Real-IP': `192.0.2.${i}` }
      statuses.push((await raw.write(upgradeRequest('/raw/x', spoofed)).head())?.status)
    }
    expect(statuses).toEqual([101, 101, 429, 429])
  })

  it('gains nothing behind a trusted proxy either, which adds the address that it saw', async () => {
    const relay = await startRelay({ trustProxy: 'loopback', denyNetworks: '192.0.2.7', adminToken: 'x'.repeat(16) })
    const heard: unknown[] = []
    relay.relay.on('limit', ({ limit, address }) => heard.push([limit, address]))
    const headers = { 'X-Forwarded-For': '127.0.0.1, 10.0.0.1, 192.0.2.7' }
    const raw = await RawClient.connect(relay)
    expect(await raw.write(upgradeRequest('/raw/x', headers)).head()).toMatchObject({ status: 403 })
    expect((await fetch(`${relay.http}/stats`, { headers })).status).toBe(403)
    expect(heard).toEqual([
      ['network', '192.0.2.7'],
      ['network', '192.0.2.7'],
    ])
  })
})

describe('permissive CORS on admin routes', () => {
  it.each(['/stats', '/health', '/'])('does not let the pages of other sites read %s', async (path) => {
    const { http } = await startRelay({ adminToken: 'x'.repeat(16) })
    const headers = { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'GET' }
    for (const method of ['GET', 'OPTIONS']) {
      const response = await fetch(http + path, { method, headers })
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
  })
})

describe('a default secret', () => {
  it('is not there', () => {
    const defaults = optionInfos.filter(({ secret }) => secret).map((option) => option.default)
    expect(defaults.length).toBeGreaterThan(0)
    expect(defaults.filter((secret) => secret !== '')).toEqual([])
  })
})

describe('a limiter that is right in a burst and wrong when sustained', () => {
  const LIMIT = 20

  /** Sends so many messages at once, and tells how many reach the other. */
  async function burst(sender: Client, reader: Client, count: number): Promise<number> {
    for (let i = 0; i < count; i++) sender.send({ type: 'tick' })
    await sender.settled()
    return (await reader.settled()).length
  }

  it('passes exactly the limit in a burst, and in every second of an hour', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const { open } = await startRelay({ rateLimit: LIMIT, heartbeatInterval: 0, joinTimeout: 0 })
    const [sender, reader] = [await open('/room/doc'), await open('/room/doc')]
    await reader.settled()
    await sender.settled()
    expect(await burst(sender, reader, 3 * LIMIT)).toBe(LIMIT)
    for (let second = 0; second < 30; second++) {
      vi.advanceTimersByTime(1000)
      expect(await burst(sender, reader, LIMIT + 5)).toBe(LIMIT)
    }
    // Without a second that had no refusal, that would have been a flood in the end.
    vi.advanceTimersByTime(3000)
    for (let second = 0; second < 30; second++) {
      vi.advanceTimersByTime(1000 - 10 * LIMIT)
      for (let i = 0; i < LIMIT; i++) {
        vi.advanceTimersByTime(10)
        expect(await burst(sender, reader, 1)).toBe(1)
      }
    }
  })
})

describe('state that is never dropped', () => {
  it('is dropped with the last member of each room', async () => {
    const { relay, open } = await startRelay({ throttle: 0 })
    const [peer, subscriber] = [await open('/pluresdb'), await open('/y-webrtc')]
    for (let i = 0; i < 2000; i++) {
      peer.send({ type: 'join', topic: String(i) })
      subscriber.send({ type: 'subscribe', topics: [`${i}`, `${i + 1}`] })
      subscriber.send({ type: 'unsubscribe', topics: [`${i}`] })
    }
    await Promise.all([peer.settled(), subscriber.settled()])
    expect(relay.stats()).toMatchObject({ currentRooms: 2, topics: 1, peers: 1 })
    await Promise.all([peer.leave(), subscriber.leave()])
    expect(relay.stats()).toMatchObject({ currentRooms: 0, topics: 0, peers: 0, currentConnections: 0 })
  })
})

describe('a reader that stops reading', () => {
  it('is dropped by name, and nobody else notices', async () => {
    const relay = await startRelay({ throttle: 0, maxBufferedBytes: MEGABYTE })
    await besideConversation(relay, async () => {
      const stalled = await RawClient.open(relay, '/raw/doc')
      const [sender, reader] = [await relay.open('/raw/doc'), await relay.open('/raw/doc')]
      stalled.socket.pause()
      const hit = limitsHit(relay.relay)
      let sent = 0
      while (relay.relay.stats().currentConnections === 5) {
        sender.send(String(sent).padEnd(MEGABYTE / 4))
        expect(textOf(await reader.next()).trim()).toBe(String(sent++))
      }
      expect(hit).toContain('backlog')
      stalled.socket.resume()
      expect(await stalled.close()).toEqual({ code: 1013, reason: 'Reading too slowly' })
    })
  })
})

describe('a slow handshake, and a half-open socket', () => {
  it('of a client that says nothing ends', async () => {
    const relay = await startRelay({ joinTimeout: 200, throttle: 0 })
    await besideConversation(relay, async () => {
      const silent = await RawClient.connect(relay)
      expect(await silent.head()).toMatchObject({ status: 408 })
      await silent.ended()
    })
  })

  it('of a member that no longer answers is found by ping, and its leave announced once', async () => {
    const { relay, open, port } = await startRelay({ heartbeatInterval: 100 })
    const witness = await open('/room/doc')
    await witness.json()
    const half = await RawClient.open({ port }, '/room/doc')
    expect(await witness.json()).toMatchObject({ type: 'user-joined' })
    expect(await half.json()).toMatchObject({ type: 'connected' })
    expect(await half.frame()).toMatchObject({ opcode: Op.ping })
    expect(await witness.json()).toMatchObject({ type: 'user-left', userCount: 1 })
    await half.ended()
    expect(await witness.settled()).toEqual([])
    expect(relay.stats().currentConnections).toBe(1)
  })

  it('is not mistaken for one whose client only pongs', async () => {
    const { port } = await startRelay({ heartbeatInterval: 50 })
    const raw = await RawClient.open({ port })
    for (let i = 0; i < 4; i++) {
      const ping = await raw.frame()
      expect(ping?.opcode).toBe(Op.ping)
      raw.write(frame(Op.pong, ping?.payload))
    }
  })
})

describe('a restart herd', () => {
  it('is spread: all are closed with 1001, some while others go on', async () => {
    const { relay, open } = await startRelay()
    const clients = await Promise.all(Array.from({ length: 80 }, () => open('/raw/doc')))
    const closes = clients.map((client) => client.closed())
    const stopped = relay.close({ drain: 1000 })
    expect(await Promise.race(closes)).toEqual({ code: 1001, reason: 'Server shutting down' })
    expect(relay.stats().currentConnections).toBeGreaterThan(0)
    for (const close of closes) expect(await close).toEqual({ code: 1001, reason: 'Server shutting down' })
    await stopped
  })
})

describe('guessable ids', () => {
  it('come from the system: all bits differ, and Math.random has no say in them', async () => {
    const { open } = await startRelay()
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5)
    onTestFinished(() => random.mockRestore())
    const ids: string[] = []
    for (let i = 0; i < 200; i++) {
      const client = await open('/room/doc')
      ids.push(String((await client.json())['connectionId']))
      await client.leave()
    }
    expect(new Set(ids).size).toBe(ids.length)
    // Each of the 16 digits takes most of its 16 values.
    for (let digit = 0; digit < 16; digit++) {
      expect(new Set(ids.map((id) => id[digit])).size).toBeGreaterThan(10)
    }
  })
})

describe('secrets in the log', () => {
  it.each(['production', 'development'])('are not there, whatever happens (%s)', async (environment) => {
    const limits = { RATE_LIMIT: '2', MAX_TOPICS: '2', MAX_ROOM_MEMBERS: '2', MAX_MESSAGE_BYTES: '1000' }
    const { child, port, log } = await startCommand({ NODE_ENV: environment, THROTTLE: '5', ...limits })
    const url = `ws://127.0.0.1:${port}`
    const query = 'token=sesame&nickname=sesame'
    const opened = await Promise.all(
      ['/room/sesame', '/room/sesame', '/room/sesame', '/room/sesame!', '/sesame', '/raw/sesame', '/?room=sesame'].map(
        (path) => Client.open(`${url}${path}${path.includes('?') ? '&' : '?'}${query}`, { protocols: ['sesame'] }),
      ),
    )
    const peer = await Client.open(`${url}/?${query}`)
    peer.send('sesame').send({ type: 'sesame' }).send({ type: 'join', topic: 'sesame', peerId: 'sesame' })
    peer.send({ type: 'join', topic: { sesame: 1 } }).send({ type: 'data', data: 'sesame' })
    const signal = await Client.open(`${url}/y-webrtc?${query}`, {
      headers: { Cookie: 'sesame', Authorization: 'sesame' },
    })
    signal
      .send({ type: 'subscribe', topics: ['sesame', 'sesame2', 'sesame3'] })
      .send({ type: 'subscribe', topics: ['sesame'] })
    signal.send({ type: 'publish', topic: 'sesame', sesame: 'sesame' }).send('{"sesame"').send('sesame'.repeat(1000))
    for (const client of opened)
      for (let i = 0; i < 5; i++) client.send({ type: 'error', sesame: 'sesame' }).send('sesame')
    const bad = await RawClient.open({ port }, `/raw/sesame?${query}`)
    bad.write(frame(Op.close, closing(1000, Buffer.from('sesame\xff', 'latin1'))))
    await bad.close()
    const http = await RawClient.connect({ port })
    await http.write(upgradeRequest(`/sesame?${query}`, { Upgrade: 'h2c', Cookie: 'sesame' })).head()
    const broken = await RawClient.connect({ port })
    await broken.write('GET /sesame sesame\r\n\r\n').head()
    await signal.closed()
    for (const { socket } of [bad, http, broken]) socket.destroy()
    child.kill('SIGTERM')
    await once(child, 'close')
    expect(log()).toContain('Relay stopped')
    expect(log()).toContain('Message refused')
    expect(log()).not.toMatch(/sesame/i)
  })
})
