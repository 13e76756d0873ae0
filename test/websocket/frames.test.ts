import { once } from 'node:events'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Client } from '../support/client.js'
import { besideConversation, closing, frame, Op, openSockets, RawClient, until } from '../support/raw.js'
import { startRelay } from '../support/relay.js'

const LIMIT = 1000

/**
 * Runs `act` with a raw client and a normal one in the same room, beside a conversation that must not
 * notice anything, and checks that the raw client leaves nothing behind.
 */
async function withRaw(act: (raw: RawClient, listener: Client) => Promise<void>): Promise<void> {
  const relay = await startRelay({ throttle: 0, maxMessageBytes: LIMIT })
  const listener = await relay.open('/raw/room')
  await besideConversation(relay, async () => {
    const raw = await RawClient.open(relay, '/raw/room')
    await act(raw, listener)
    raw.socket.destroy()
    await until(() => relay.relay.stats().currentConnections === 3)
  })
}

/** Fragments of a message, all of the same payload. */
function fragments(count: number, payload: Buffer | string): Buffer {
  const middle = frame(Op.continuation, payload, { fin: false })
  return Buffer.concat([
    frame(Op.text, payload, { fin: false }),
    ...Array.from({ length: count - 2 }, () => middle),
    frame(Op.continuation, payload),
  ])
}

/** The first bytes of a frame that claims a length, and no payload at all. */
function announce(opcode: number, length: number | bigint, fin = true): Buffer {
  return frame(opcode, '', { length, fin })
}

const text = frame(Op.text, 'a good message')
const start = frame(Op.text, 'to be', { fin: false })
const protocolError = { code: 1002, reason: 'Protocol error' }
const notUtf8 = { code: 1007, reason: 'Text is not UTF-8' }
const tooBig = { code: 1009, reason: 'Message too big' }

const broken: [name: string, bytes: Buffer, close: { code: number; reason: string }][] = [
  ['an unmasked text', frame(Op.text, 'bare', { mask: 'none' }), protocolError],
  ['an unmasked ping', frame(Op.ping, '', { mask: 'none' }), protocolError],
  ['an unmasked close', frame(Op.close, '', { mask: 'none' }), protocolError],
  ...[1, 2, 3, 4, 5, 6, 7].map((rsv) => row(`reserved bits ${rsv}`, frame(Op.text, 'x', { rsv }), protocolError)),
  ['a reserved bit on a ping', frame(Op.ping, 'x', { rsv: 4 }), protocolError],
  ['a reserved bit on a continuation', Buffer.concat([start, frame(Op.continuation, 'x', { rsv: 4 })]), protocolError],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((op) => row(`opcode ${op}`, frame(op, 'x'), protocolError)),
  ['a fragmented ping', frame(Op.ping, 'x', { fin: false }), protocolError],
  ['a fragmented pong', frame(Op.pong, 'x', { fin: false }), protocolError],
  ['a fragmented close', frame(Op.close, closing(1000), { fin: false }), protocolError],
  ['a ping of 126 bytes', frame(Op.ping, 'p'.repeat(126)), protocolError],
  ['a pong of 126 bytes', frame(Op.pong, 'p'.repeat(126)), protocolError],
  ['a close of 126 bytes', frame(Op.close, closing(1000, 'c'.repeat(124))), protocolError],
  ['a ping whose length takes 64 bits', frame(Op.ping, 'ping', { bits: 64 }), protocolError],
  ['a close of one byte', frame(Op.close, 'x'), protocolError],
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map((code) =>
    row(`close code ${code}`, frame(Op.close, closing(code, 'why')), protocolError),
  ),
  ['a continuation of nothing', frame(Op.continuation, 'x'), protocolError],
  ['a fragment that continues nothing', frame(Op.continuation, 'x', { fin: false }), protocolError],
  ['a text inside a fragmented text', Buffer.concat([start, text]), protocolError],
  ['a binary inside a fragmented text', Buffer.concat([start, frame(Op.binary, 'x')]), protocolError],
  ['a new fragmented text inside another', Buffer.concat([start, start]), protocolError],
  ...Object.entries({
    'a lone continuation byte': '80',
    'an overlong slash': 'c0af',
    'a surrogate': 'eda080',
    'a character beyond Unicode': 'f4908080',
    'half a character': 'e282',
    'a byte that is in no character': 'ff',
  }).flatMap(([name, hex]) => [
    row(`a text of ${name}`, frame(Op.text, Buffer.from(hex, 'hex')), notUtf8),
    row(`a close reason of ${name}`, frame(Op.close, closing(1000, Buffer.from(hex, 'hex'))), notUtf8),
  ]),
  ['a fragmented text that is not UTF-8', fragments(3, Buffer.from('e282', 'hex')), notUtf8],
  ['a message over the limit, announced', announce(Op.binary, LIMIT + 1), tooBig],
  ['a message of 1 MiB, announced', announce(Op.binary, 2 ** 20), tooBig],
  ['a message of 4 GiB, announced', announce(Op.binary, 2 ** 32), tooBig],
  ['a message of 2^53 bytes, announced', announce(Op.text, 2 ** 53), tooBig],
  ['a length with the top bit set', announce(Op.text, 2n ** 63n), tooBig],
  ['the greatest length', announce(Op.text, 2n ** 64n - 1n), tooBig],
  [
    'fragments over the limit, announced',
    Buffer.concat([frame(Op.text, 'x'.repeat(LIMIT), { fin: false }), announce(Op.continuation, 1)]),
    tooBig,
  ],
  ['a flood of fragments of one byte', fragments(LIMIT + 1, 'x'), tooBig],
]

function row(name: string, bytes: Buffer, close: { code: number; reason: string }): (typeof broken)[number] {
  return [name, bytes, close]
}

const euro = Buffer.from('€')

type Heard = { text: string } | { binary: Buffer }

const odd: [name: string, bytes: Buffer, heard: Heard[]][] = [
  ['an empty text', frame(Op.text), [{ text: '' }]],
  ['an empty binary message', frame(Op.binary), [{ binary: Buffer.alloc(0) }]],
  ['a mask of zeros', frame(Op.text, 'plain to see', { mask: Buffer.alloc(4) }), [{ text: 'plain to see' }]],
  ['a mask of zeros on nothing', frame(Op.text, '', { mask: Buffer.alloc(4) }), [{ text: '' }]],
  ['a text exactly at the limit', frame(Op.text, 'x'.repeat(LIMIT)), [{ text: 'x'.repeat(LIMIT) }]],
  ['fragments exactly at the limit', fragments(LIMIT, 'x'), [{ text: 'x'.repeat(LIMIT) }]],
  ['thousands of empty fragments', fragments(50_000, ''), [{ text: '' }]],
  ['a length in 16 bits that fits into 7', frame(Op.text, 'hi', { bits: 16 }), [{ text: 'hi' }]],
  ['a length in 64 bits that fits into 7', frame(Op.text, 'hi', { bits: 64 }), [{ text: 'hi' }]],
  [
    'a character split between fragments',
    Buffer.concat([frame(Op.text, euro.subarray(0, 1), { fin: false }), frame(Op.continuation, euro.subarray(1))]),
    [{ text: '€' }],
  ],
  ['a NUL character', frame(Op.text, '\0'), [{ text: '\0' }]],
  ['an unasked pong', frame(Op.pong, 'unasked'), []],
  [
    'bytes that are no text in a binary message',
    frame(Op.binary, Buffer.from([0xff, 0])),
    [{ binary: Buffer.from([0xff, 0]) }],
  ],
]

describe('a broken frame', () => {
  it.each(broken)('that is %s closes its connection alone, with the right code', async (_name, bytes, close) => {
    await withRaw(async (raw, listener) => {
      raw.write(Buffer.concat([text, bytes, text]))
      expect(await raw.close()).toEqual(close)
      await raw.ended()
      expect(await listener.settled()).toEqual([{ text: 'a good message' }])
    })
  })

  it('is followed by nothing: what the client sends on is not read', async () => {
    await withRaw(async (raw, listener) => {
      expect(await raw.write(frame(3)).close()).toEqual(protocolError)
      await raw.write(text, frame(Op.ping), frame(Op.close)).ended()
      expect(await listener.settled()).toEqual([])
    })
  })

  it('is one that is too big however high the limit', async () => {
    const relay = await startRelay({ maxMessageBytes: 2 ** 31 - 1 })
    const raw = await RawClient.open(relay)
    expect(await raw.write(announce(Op.binary, 2 ** 31)).close()).toEqual(tooBig)
  })
})

describe('an odd but good frame', () => {
  it.each(odd)('with %s is relayed', async (_name, bytes, heard) => {
    await withRaw(async (raw, listener) => {
      await raw.write(bytes).answers()
      expect(await listener.settled()).toEqual(heard)
    })
  })

  it.each([0, 1, 125])('that is a ping of %d bytes is answered with the same', async (length) => {
    await withRaw(async (raw) => {
      const payload = Buffer.alloc(length, 'ping')
      expect(await raw.write(frame(Op.ping, payload)).frame()).toEqual({ opcode: Op.pong, payload })
    })
  })

  it('that is a ping amid fragments is answered at once, and breaks nothing', async () => {
    await withRaw(async (raw, listener) => {
      raw.write(start, frame(Op.ping, 'amid'))
      expect(await raw.frame()).toEqual({ opcode: Op.pong, payload: Buffer.from('amid') })
      raw.write(frame(Op.continuation, ' or not', { fin: false }), frame(Op.pong), frame(Op.continuation, ' to be'))
      expect(await listener.next()).toEqual({ text: 'to be or not to be' })
    })
  })

  it('may be split anywhere', async () => {
    await withRaw(async (raw, listener) => {
      const long = 'x'.repeat(200)
      const bytes = Buffer.concat([frame(Op.text, long), frame(Op.ping, 'p'), fragments(3, 'abc'), frame(Op.text)])
      for (let at = 1; at < bytes.length; at++) {
        await raw.drip([bytes.subarray(0, at), bytes.subarray(at)])
        expect(await raw.frame()).toEqual({ opcode: Op.pong, payload: Buffer.from('p') })
        for (const text of [long, 'abcabcabc', '']) expect(await listener.next()).toEqual({ text })
      }
    })
  })

  it('may come in thousands of pieces (10.18)', async () => {
    const relay = await startRelay()
    const listener = await relay.open('/raw/room')
    const raw = await RawClient.open(relay, '/raw/room')
    const payload = Buffer.alloc(100_000, 'abcdefg')
    const bytes = frame(Op.binary, payload)
    await raw.drip(Array.from({ length: Math.ceil(bytes.length / 16) }, (_, i) => bytes.subarray(16 * i, 16 * i + 16)))
    expect(await listener.next()).toEqual({ binary: payload })
  })

  it('may come byte by byte', async () => {
    await withRaw(async (raw, listener) => {
      const bytes = Buffer.concat([frame(Op.text, 'x'.repeat(200)), frame(Op.text, 'hi', { bits: 64 })])
      await raw.drip(Array.from(bytes, (byte) => Buffer.from([byte])))
      for (const text of ['x'.repeat(200), 'hi']) expect(await listener.next()).toEqual({ text })
    })
  })

  it('may come with thousands of others at once, and all are relayed in order', async () => {
    await withRaw(async (raw, listener) => {
      const texts = Array.from({ length: 20_000 }, (_, i) => String(i))
      raw.write(Buffer.concat(texts.map((text) => frame(Op.text, text))))
      for (const text of texts) expect(await listener.next()).toEqual({ text })
    })
  })
})

describe('a goodbye', () => {
  it.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999])(
    'with code %d is answered with the same, and the relay hangs up',
    async (code) => {
      await withRaw(async (raw) => {
        const reason = 'r'.repeat(123)
        expect(await raw.write(frame(Op.close, closing(code, reason))).close()).toEqual({ code, reason })
        await raw.ended()
      })
    },
  )

  it('without a code is answered without one', async () => {
    await withRaw(async (raw) => {
      expect(await raw.write(frame(Op.close)).frame()).toEqual({ opcode: Op.close, payload: Buffer.alloc(0) })
      await raw.ended()
    })
  })

  it('amid fragments is answered, and the fragments are dropped', async () => {
    await withRaw(async (raw, listener) => {
      expect(await raw.write(start, frame(Op.close, closing(1000))).close()).toEqual({ code: 1000, reason: '' })
      await raw.ended()
      expect(await listener.settled()).toEqual([])
    })
  })

  it('ends what the client may say: data behind it is ignored', async () => {
    await withRaw(async (raw, listener) => {
      raw.write(Buffer.concat([text, frame(Op.close, closing(1000)), text, frame(Op.ping), frame(3)]))
      expect(await raw.close()).toEqual({ code: 1000, reason: '' })
      await raw.ended()
      raw.write(text, 'garbage', frame(Op.close))
      expect(await listener.settled()).toEqual([{ text: 'a good message' }])
    })
  })

  it('of the relay ends what the client may say, too', async () => {
    const relay = await startRelay({ maxRoomMembers: 1 })
    const member = await relay.open('/raw/full')
    const raw = await RawClient.open(relay, '/raw/full')
    expect(await raw.close()).toEqual({ code: 1013, reason: 'Room is full' })
    raw.write(text, frame(Op.ping), frame(Op.close, closing(1013)))
    await raw.ended()
    expect(await member.settled()).toEqual([])
  })

  it('of the relay leaves nothing to slow down: pings behind it are not even counted', async () => {
    const relay = await startRelay({ throttle: 10 })
    const raw = await RawClient.open(relay, '/nowhere')
    expect(await raw.close()).toMatchObject({ code: 1008 })
    const limits: unknown[] = []
    relay.relay.on('limit', (limit) => limits.push(limit))
    await raw.write(Buffer.concat(Array.from({ length: 100 }, () => frame(Op.ping))), frame(Op.close)).ended()
    expect(limits).toEqual([])
  })

  it('of the relay has its code even for a client that is far behind', async () => {
    const relay = await startRelay({ maxMessageBytes: '32MiB' })
    const raw = await RawClient.open(relay, '/y-webrtc')
    await raw.write(frame(Op.text, '{"type":"subscribe","topics":["t"]}')).answers()
    raw.socket.pause()
    // It hears its own publication, which is more than the systems between take.
    const text = 'x'.repeat(16 * 2 ** 20)
    raw.write(frame(Op.text, JSON.stringify({ type: 'publish', topic: 't', text })))
    await until(() => relay.relay.stats().bytesSent > text.length)
    const left = once(relay.relay, 'leave')
    raw.write(frame(3))
    await left
    expect(raw.socket.bytesRead).toBeLessThan(text.length)
    raw.socket.resume()
    expect(await raw.json()).toMatchObject({ text })
    expect(await raw.close()).toMatchObject({ code: 1002 })
  })

  it('of the relay that meets one of the client is said once', async () => {
    const relay = await startRelay()
    const raw = await RawClient.open(relay, '/nowhere')
    raw.write(frame(Op.close, closing(4000, 'mine')))
    expect(await raw.close()).toMatchObject({ code: 1008 })
    await raw.ended()
  })

  it.each([
    ['said by the relay', '/nowhere', ''],
    ['after a broken frame', '/raw/x', frame(3)],
    ['after its own', '/raw/x', frame(Op.close)],
  ])('%s that the client does not follow by hanging up is enforced after 10 seconds', async (_name, path, bytes) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const relay = await startRelay({ joinTimeout: 0, heartbeatInterval: 0 })
    const raw = await RawClient.open(relay, path)
    await raw.write(bytes).close()
    const witness = await RawClient.open(relay)
    const open = openSockets()
    vi.advanceTimersByTime(9_999)
    await witness.answers()
    expect(openSockets()).toBe(open)
    vi.advanceTimersByTime(1)
    await until(() => openSockets() < open)
  })
})

const endings: [name: string, end: (raw: RawClient) => void][] = [
  ['half closes the socket', (raw) => raw.socket.end()],
  ['half closes the socket amid a frame', (raw) => raw.write(text.subarray(0, 8)).socket.end()],
  ['half closes the socket amid fragments', (raw) => raw.write(start).socket.end()],
]

describe('a client that says no goodbye', () => {
  it.each(endings)('and %s is gone, with all that it said relayed', async (_name, end) => {
    await withRaw(async (raw, listener) => {
      raw.write(text)
      end(raw)
      await raw.ended()
      expect(await listener.settled()).toEqual([{ text: 'a good message' }])
    })
  })

  it.each([
    ['', Buffer.alloc(0)],
    [' amid a frame', text.subarray(0, 8)],
    [' amid fragments', start],
  ])('and resets the connection%s is gone', async (_name, bytes) => {
    await withRaw(async (raw, listener) => {
      raw.write(text, bytes)
      expect(await listener.next()).toEqual({ text: 'a good message' })
      raw.socket.resetAndDestroy()
    })
  })

  it('and resets the connection while the relay writes to it is gone', async () => {
    await withRaw(async (raw, listener) => {
      raw.socket.pause()
      for (let i = 0; i < 1000; i++) listener.send('x'.repeat(LIMIT))
      raw.socket.resetAndDestroy()
      await listener.settled()
    })
  })
})
