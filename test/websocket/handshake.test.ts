import { describe, expect, it, onTestFinished } from 'vitest'
import type { RelayOptions } from '../../src/index.js'
import { besideConversation, closing, frame, Op, RawClient, upgradeRequest } from '../support/raw.js'
import { limitsHit, startRelay, type TestRelay } from '../support/relay.js'

/** The answer to the key in RFC 6455 section 1.3. */
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** A relay that never slows down the conversation beside the test. */
function relayOf(options: RelayOptions = {}): Promise<TestRelay> {
  return startRelay({ throttle: 0, ...options })
}

interface Refused {
  status: number
  headers?: Record<string, string>
}

const key = 'Sec-WebSocket-Key'
const version = 'Sec-WebSocket-Version'
const protocol = 'Sec-WebSocket-Protocol'

const refused: [name: string, request: string, expected: Refused][] = [
  ['POST', upgradeRequest('/', {}, { method: 'POST' }), { status: 405, headers: { allow: 'GET' } }],
  ['HEAD', upgradeRequest('/', {}, { method: 'HEAD' }), { status: 405, headers: { allow: 'GET' } }],
  ['no key', upgradeRequest('/', { [key]: undefined }), { status: 400 }],
  ['an empty key', upgradeRequest('/', { [key]: '' }), { status: 400 }],
  ['a key of 15 bytes', upgradeRequest('/', { [key]: 'dGhlIHNhbXBsZSBub24=' }), { status: 400 }],
  ['a key of 17 bytes', upgradeRequest('/', { [key]: 'dGhlIHNhbXBsZSBub25jZSE=' }), { status: 400 }],
  ['a key that is not base64', upgradeRequest('/', { [key]: 'dGhlIHNhbXBsZSBub25j*g==' }), { status: 400 }],
  ['two keys', upgradeRequest('/', { [key]: `dGhlIHNhbXBsZSBub25jZQ==\r\n${key}: x` }), { status: 400 }],
  ['no version', upgradeRequest('/', { [version]: undefined }), { status: 426 }],
  ['version 8', upgradeRequest('/', { [version]: '8' }), { status: 426 }],
  ['version 12', upgradeRequest('/', { [version]: '12' }), { status: 426 }],
  ['version 013', upgradeRequest('/', { [version]: '013' }), { status: 426 }],
  ['versions 13 and 8', upgradeRequest('/', { [version]: '13, 8' }), { status: 426 }],
  ['an empty subprotocol', upgradeRequest('/', { [protocol]: '' }), { status: 400 }],
  ['a hole in the list of subprotocols', upgradeRequest('/', { [protocol]: 'a,,b' }), { status: 400 }],
  ['a subprotocol with a space', upgradeRequest('/', { [protocol]: 'a b' }), { status: 400 }],
  ['a subprotocol in quotes', upgradeRequest('/', { [protocol]: '"a"' }), { status: 400 }],
  ['an asterisk for a target', upgradeRequest('*'), { status: 400 }],
  ['no Host', upgradeRequest('/', { Host: undefined }), { status: 400 }],
  ['a NUL in the target', upgradeRequest('/raw/\0'), { status: 400 }],
  ['a target that is not ASCII', upgradeRequest('/raw/\u00e9'), { status: 400 }],
  ['a NUL in a header', upgradeRequest('/', { Cookie: 'a\0b' }), { status: 400 }],
  ['a folded header', upgradeRequest('/', { Cookie: 'a\r\n b' }), { status: 400 }],
  ['a space before a colon', upgradeRequest('/', { 'Cookie ': 'a' }), { status: 400 }],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', { status: 400 }],
  ['a header over 16 KiB', upgradeRequest('/', { Cookie: 'c'.repeat(16 * 1024) }), { status: 431 }],
  ['a target over 16 KiB', upgradeRequest(`/raw/${'r'.repeat(16 * 1024)}`), { status: 431 }],
  [
    'headers over 16 KiB in all',
    upgradeRequest('/', { 'X-A': `${'a'.repeat(100)}\r\nX-A: `.repeat(200) }),
    { status: 431 },
  ],
  ['garbage', 'one ring to rule them all\r\n\r\n', { status: 400 }],
  ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', { status: 400 }],
]

/** HTTP ignores what it cannot upgrade to: RFC 9110 section 7.8. */
const plain: [name: string, request: string, status: number][] = [
  ['no Upgrade and no key', upgradeRequest('/', { Upgrade: undefined, [key]: undefined }), 200],
  ['HTTP/1.0', upgradeRequest('/health', {}, { version: 'HTTP/1.0' }), 200],
  ['Upgrade: h2c', upgradeRequest('/health', { Upgrade: 'h2c' }), 200],
  ['Upgrade: h2c where there is no page', upgradeRequest('/elsewhere', { Upgrade: 'h2c', [key]: undefined }), 404],
  ['Upgrade: h2c where WebSockets are', upgradeRequest('/room/x', { Upgrade: 'h2c', [key]: undefined }), 426],
]

/** What proxies make of a handshake that they do not know. */
const lost: [name: string, request: string][] = [
  ['no Upgrade and no Connection', upgradeRequest('/room/x', { Upgrade: undefined, Connection: 'close' })],
  ['neither, at /', upgradeRequest('/', { Upgrade: undefined, Connection: undefined })],
  ['neither, at a path that nobody serves', upgradeRequest('/x?room=y', { Upgrade: undefined, Connection: undefined })],
  ['no Upgrade', upgradeRequest('/y-webrtc', { Upgrade: undefined })],
  ['an empty Connection', upgradeRequest('/', { Connection: '' })],
  ['no Connection', upgradeRequest('/', { Connection: undefined })],
  ['Connection: keep-alive', upgradeRequest('/', { Connection: 'keep-alive' })],
  ['HTTP/1.0', upgradeRequest('/room/x', {}, { version: 'HTTP/1.0' })],
  [
    'HTTP/1.0 and nothing else',
    upgradeRequest('/gun', { Upgrade: undefined, Connection: 'close' }, { version: 'HTTP/1.0' }),
  ],
  ['Upgrade: TLS/1.0, websocket', upgradeRequest('/', { Upgrade: 'TLS/1.0, websocket' })],
  ['Upgrade: websocketx', upgradeRequest('/', { Upgrade: 'websocketx' })],
]

const accepted: [name: string, request: string, protocol?: string][] = [
  ['the usual headers', upgradeRequest()],
  ['names and values in other cases', upgradeRequest('/raw/x', { Connection: 'UPGRADE', Upgrade: 'WebSocket' })],
  ['Connection: keep-alive, Upgrade', upgradeRequest('/raw/x', { Connection: 'keep-alive, Upgrade' })],
  ['two Connection headers', upgradeRequest('/raw/x', { Connection: 'keep-alive\r\nConnection: upgrade' })],
  ['Connection: close, Upgrade', upgradeRequest('/raw/x', { Connection: 'close, Upgrade' })],
  ['spaces around the version', upgradeRequest('/raw/x', { [version]: '  13\t' })],
  ['one subprotocol', upgradeRequest('/raw/x', { [protocol]: 'chat' }), 'chat'],
  ['several subprotocols', upgradeRequest('/raw/x', { [protocol]: 'v2.x, v1.x ,v0' }), 'v2.x'],
  ['two headers of subprotocols', upgradeRequest('/raw/x', { [protocol]: `b\r\n${protocol}: a` }), 'b'],
  ['compression offered', upgradeRequest('/raw/x', { 'Sec-WebSocket-Extensions': 'permessage-deflate' })],
  ['a target in absolute form', upgradeRequest('http://relay.example/raw/x')],
  ['a header of almost 16 KiB', upgradeRequest('/raw/x', { Cookie: 'c'.repeat(15 * 1024) })],
  ['100 headers', upgradeRequest('/raw/x', { 'X-A': `a${'\r\nX-A: a'.repeat(94)}` })],
]

const noRoom = { code: 1008, reason: 'Room ID required. Use /room/{roomId} or /?room={roomId}' }
const badRoom = {
  code: 1008,
  reason: 'Invalid room ID format. Use alphanumeric characters, dash, or underscore only.',
}
const longRoom = { code: 1008, reason: 'Invalid room ID format. Use at most 128 characters.' }
const noRaw = { code: 1008, reason: 'Room required. Use /raw/{room}' }
const longRaw = { code: 1008, reason: 'Room name too long. Use at most 256 characters.' }
const badNickname = { code: 1008, reason: 'Invalid nickname. Use 1 to 64 characters, no control characters.' }

const closedPaths: [target: string, reason: { code: number; reason: string }][] = [
  ['/room', noRoom],
  ['/room/', noRoom],
  ['/room//x', noRoom],
  ['/room?rooms=x', noRoom],
  ['/?room=', noRoom],
  ['//room/x', noRoom],
  ['/ROOM/x', noRoom],
  ['/rooms/x', noRoom],
  ['/health', noRoom],
  ['/room/%00', badRoom],
  ['/room/x/%2e%2E', noRoom],
  ['/room/x/..', noRoom],
  ['/room/...', badRoom],
  ['/room/a.b', badRoom],
  ['/room/a%20b', badRoom],
  ['/room/x#fragment', badRoom],
  ['/?room=%00', badRoom],
  ['/?room=a/b', badRoom],
  ['/?room=%', badRoom],
  ['/room/a.b?room=good', badRoom],
  [`/room/${'a'.repeat(129)}`, longRoom],
  [`/room/${'a'.repeat(15_000)}`, longRoom],
  ['/room/x?nickname=%00', badNickname],
  ['/room/x?nickname=%0d%0a', badNickname],
  [`/room/x?nickname=${'n'.repeat(65)}`, badNickname],
  ['/raw', noRaw],
  ['/raw/', noRaw],
  ['/raw?room=x', noRaw],
  [`/raw/${'r'.repeat(257)}`, longRaw],
  [`/gun/${'r'.repeat(15_000)}`, longRaw],
]

const rooms: [target: string, roomId: string][] = [
  ['/room/__proto__', '__proto__'],
  ['/room/constructor', 'constructor'],
  ['/room/x/', 'x'],
  ['/room/x/more/../segments', 'x'],
  ['/room/x?room=y', 'x'],
  ['/room?room=y', 'y'],
  ['/?room=a&room=b', 'a'],
  ['/?&&room=a%2D1', 'a-1'],
  ['//?room=x', 'x'],
  ['/anything?x[]=1&room=x', 'x'],
  [`/room/${'a'.repeat(128)}`, 'a'.repeat(128)],
]

/** Puts a readable title before a row. */
function titled<T>([target, expected]: [string, T]): [title: string, target: string, expected: T] {
  return [target.length > 40 ? `${target.slice(0, 20)}… (${target.length} characters)` : target, target, expected]
}

describe('an upgrade request', () => {
  it.each(refused)('with %s is refused, and the socket ended', async (_name, request, { status, headers = {} }) => {
    const relay = await relayOf()
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      const head = await client.write(request).head()
      expect(head).toMatchObject({ status, headers: { connection: 'close', ...headers } })
      if (status === 426) expect(head?.headers).toMatchObject({ 'sec-websocket-version': '13', upgrade: 'websocket' })
      await client.body(Number(head?.headers['content-length'] ?? 0))
      await client.ended()
    })
    expect(relay.relay.stats().connectionsTotal).toBe(2)
  })

  it.each(plain)('with %s is a plain request', async (_name, request, status) => {
    const relay = await relayOf()
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      const head = await client.write(request).head()
      expect(head).toMatchObject({ status })
      expect(await client.body(Number(head?.headers['content-length']))).not.toBe('')
    })
    expect(relay.relay.stats().connectionsTotal).toBe(2)
  })

  it.each(lost)(
    'with %s is answered 426, counted, and logged with what to set in the proxy (10.38)',
    async (_name, request) => {
      const relay = await relayOf()
      const hit = limitsHit(relay.relay)
      const client = await RawClient.connect(relay)
      const head = await client.write(request).head()
      expect(head).toMatchObject({ status: 426 })
      expect(head?.headers['connection']).toContain('close')
      expect(head?.headers['upgrade']).toBe('websocket')
      expect(await client.body(Number(head?.headers['content-length']))).toContain('pass Upgrade and Connection on')
      expect(hit).toEqual(['upgrade-lost'])
      expect(await relay.relay.metrics()).toContain('\nbaton_handshakes_failed_total{reason="426"} 1\n')
    },
  )

  it.each(['/room/x', '/pluresdb', '/y-webrtc', '/gun/a/b', '/raw'])(
    'is what GET %s lacks, which is answered 426 and counted nowhere (10.38)',
    async (path) => {
      const { relay, http } = await relayOf()
      const response = await fetch(http + path)
      expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket'])
      expect(await relay.metrics()).toContain('\nbaton_handshakes_failed_total{reason="426"} 0\n')
    },
  )

  it.each(accepted)('with %s is accepted', async (_name, request, chosen) => {
    const relay = await relayOf()
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      expect(await client.write(request).head()).toEqual({
        status: 101,
        headers: {
          upgrade: 'websocket',
          connection: 'Upgrade',
          'sec-websocket-accept': ACCEPT,
          ...(chosen && { 'sec-websocket-protocol': chosen }),
        },
      })
      await client.answers()
    })
  })

  it.each(closedPaths.map(titled))('for %s is accepted and closed with the reason', async (_title, target, reason) => {
    const relay = await relayOf()
    await besideConversation(relay, async () => {
      const client = await RawClient.open(relay, target)
      expect(await client.close()).toEqual(reason)
      await client.write(frame(Op.close, closing(1000))).ended()
    })
  })

  it.each(rooms.map(titled))('for %s enters the room', async (_title, target, roomId) => {
    const relay = await relayOf()
    await besideConversation(relay, async () => {
      const client = await RawClient.open(relay, target)
      expect(await client.json()).toMatchObject({ type: 'connected', roomId, userCount: 1 })
    })
  })

  it.each([1000, 2500])('behind %d other headers, more than Node counts, is answered', async (count) => {
    const relay = await relayOf()
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      const head = await client.write(upgradeRequest().replace('\r\n', `\r\n${'a:b\r\n'.repeat(count)}`)).head()
      // Node 20 forgets the headers beyond a thousand, and Upgrade with them; later ones refuse the request.
      expect(head?.status).toBeOneOf([426, 431])
    })
  })

  it('over maxConnections is refused', async () => {
    const relay = await relayOf({ maxConnections: 2 })
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      const head = await client.write(upgradeRequest()).head()
      expect(head).toMatchObject({ status: 503, headers: { connection: 'close', 'retry-after': '10' } })
      expect(await client.body(Number(head?.headers['content-length']))).toBe('Too many connections')
      await client.ended()
    })
  })

  it('for a tunnel (CONNECT) gets no answer but the end', async () => {
    const relay = await relayOf()
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      await client.write(upgradeRequest('relay.example:80', {}, { method: 'CONNECT' })).ended()
    })
  })

  it.each(['h2c', 'websocket'])(
    'to %s, pipelined behind others that nobody reads, harms nobody else',
    async (upgrade) => {
      const relay = await relayOf()
      await besideConversation(relay, async () => {
        for (const before of [1, 2, 100]) {
          const client = await RawClient.connect(relay)
          client.socket.pause()
          const pages = upgradeRequest('/', { Upgrade: undefined, [key]: undefined }).repeat(before)
          const last = upgradeRequest('/', { Upgrade: upgrade, [key]: undefined })
          await client.drip([Buffer.from(pages + last)])
          client.socket.resume()
          expect(await client.head()).toMatchObject({ status: 200 })
          client.socket.end()
          await client.gone()
        }
      })
    },
  )

  it('for something else than a WebSocket leaves nothing open, although the client never hangs up', async () => {
    const relay = await relayOf()
    const client = await RawClient.connect(relay)
    client.write(upgradeRequest('/health', { Upgrade: 'h2c' }), 'bytes that nobody reads')
    const head = await client.head()
    await client.body(Number(head?.headers['content-length']))
    await client.ended()
    // It waits for the relay's sockets: one that is left open would hold it up for good.
    await relay.relay.close({ drain: 0 })
  })
})

describe('the bytes of an upgrade', () => {
  it('may be split anywhere', async () => {
    const relay = await relayOf()
    await besideConversation(relay, async () => {
      const bytes = Buffer.concat([Buffer.from(upgradeRequest()), frame(Op.ping, 'glued')])
      for (let at = 1; at < bytes.length; at++) {
        const client = await RawClient.connect(relay)
        await client.drip([bytes.subarray(0, at), bytes.subarray(at)])
        expect(await client.head()).toMatchObject({ status: 101 })
        expect(await client.frame()).toEqual({ opcode: Op.pong, payload: Buffer.from('glued') })
        client.socket.destroy()
      }
    })
  })

  it('may come one by one', async () => {
    const relay = await relayOf()
    const client = await RawClient.connect(relay)
    await client.drip(Array.from(Buffer.from(upgradeRequest()), (byte) => Buffer.from([byte])))
    expect(await client.head()).toMatchObject({ status: 101 })
    await client.answers()
  })

  it('may have frames glued to them, which are handled in order', async () => {
    const relay = await relayOf()
    const listener = await relay.open('/raw/room')
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      const texts = Array.from({ length: 100 }, (_, i) => `message ${i}`)
      const head = Buffer.from(upgradeRequest('/raw/room'))
      client.write(Buffer.concat([head, ...texts.map((text) => frame(Op.text, text)), frame(Op.close)]))
      expect(await client.head()).toMatchObject({ status: 101 })
      for (const text of texts) expect(await listener.next()).toEqual({ text })
      expect(await client.close()).toEqual({ code: 1005, reason: '' })
      await client.ended()
    })
  })

  it('may have half a frame glued to them', async () => {
    const relay = await relayOf()
    const client = await RawClient.connect(relay)
    const ping = frame(Op.ping, 'in two halves')
    const request = Buffer.from(upgradeRequest())
    await client.drip([Buffer.concat([request, ping.subarray(0, 9)]), ping.subarray(9)])
    expect(await client.head()).toMatchObject({ status: 101 })
    expect(await client.frame()).toEqual({ opcode: Op.pong, payload: Buffer.from('in two halves') })
  })

  it('may follow a plain request on the same connection', async () => {
    const relay = await relayOf()
    const client = await RawClient.connect(relay)
    const head = await client.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n').head()
    await client.body(Number(head?.headers['content-length']))
    expect(await client.write(upgradeRequest()).head()).toMatchObject({ status: 101 })
    await client.answers()
  })

  it.each([
    ['made at once', '/health', 200],
    ['that takes its time', '/metrics', 200],
    ['that is not there', '/nowhere', 404],
  ])('are answered behind all requests before them, here for a page %s (10.20)', async (_title, path, status) => {
    const relay = await relayOf()
    for (const before of [1, 3]) {
      const client = await RawClient.connect(relay)
      client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(before) + upgradeRequest('/room/x'))
      for (let i = 0; i < before; i++) {
        const head = await client.head()
        expect(head).toMatchObject({ status })
        await client.body(Number(head?.headers['content-length']))
      }
      expect(await client.head()).toMatchObject({ status: 101 })
      expect(await client.json()).toMatchObject({ type: 'connected' })
      await client.answers()
    }
  })

  it('get no answer behind one that was the last of its connection (10.20)', async () => {
    const relay = await relayOf()
    const client = await RawClient.connect(relay)
    const last = 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody'
    const head = await client.write(last + upgradeRequest()).head()
    await client.body(Number(head?.headers['content-length']))
    await client.ended()
  })

  it('end HTTP: a second request behind them is a broken frame', async () => {
    const relay = await relayOf()
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      client.write(upgradeRequest() + upgradeRequest())
      expect(await client.head()).toMatchObject({ status: 101 })
      expect(await client.close()).toEqual({ code: 1002, reason: 'Protocol error' })
      await client.ended()
    })
  })
})

describe('a client that does not get on', () => {
  it('is gone after joinTimeout if it says nothing', async () => {
    const relay = await relayOf({ joinTimeout: 200 })
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      expect(await client.head()).toMatchObject({ status: 408, headers: { connection: 'close' } })
      await client.ended()
    })
  })

  it('is gone after joinTimeout if it drips its request', async () => {
    const relay = await relayOf({ joinTimeout: 200 })
    await besideConversation(relay, async () => {
      const client = await RawClient.connect(relay)
      client.write(upgradeRequest().slice(0, -2))
      const drip = setInterval(() => client.write('X-Drip: 1\r\n'), 20)
      onTestFinished(() => clearInterval(drip))
      expect(await client.head()).toMatchObject({ status: 408, headers: { connection: 'close' } })
      await client.ended()
    })
  })

  it('is gone after joinTimeout if it drips the body of a plain request', async () => {
    const relay = await relayOf({ joinTimeout: 200 })
    const client = await RawClient.connect(relay)
    client.write('POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n')
    const drip = setInterval(() => client.write('x'), 20)
    onTestFinished(() => clearInterval(drip))
    await client.gone()
  })

  it.each(['/', '/pluresdb', '/y-webrtc'])(
    'is closed with 1008 after joinTimeout if it joins nothing at %s',
    async (path) => {
      const relay = await relayOf({ joinTimeout: 200 })
      await besideConversation(relay, async () => {
        const client = await RawClient.open(relay, path)
        expect(await client.close()).toEqual({ code: 1008, reason: 'No room joined in time' })
        await client.write(frame(Op.close, closing(1008))).ended()
      })
    },
  )

  it('does not wait for a room if it has one', async () => {
    const relay = await relayOf({ joinTimeout: 100 })
    const client = await RawClient.open(relay)
    const other = await RawClient.open(relay, '/')
    expect(await other.close()).toMatchObject({ code: 1008 })
    await client.answers()
  })
})
