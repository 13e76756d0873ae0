import { describe, expect, it } from 'vitest'
import { closing, frame, Op, RawClient } from '../support/raw.js'
import { startRelay } from '../support/relay.js'
import { LIMIT, withRaw } from '../support/with-raw.js'

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
