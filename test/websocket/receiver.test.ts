import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closes } from '../../src/core/close-reasons.js'
import { Receiver } from '../../src/websocket/receiver.js'
import { frame, Op } from '../support/raw.js'

/** A receiver, and what it has read. */
function receiver(maxMessageBytes = 2 ** 20): { reader: Receiver; heard: string[] } {
  const heard: string[] = []
  const reader = new Receiver(maxMessageBytes, {
    onMessage: (data, binary) => heard.push(`${binary ? 'binary' : 'text'} ${data.toString('latin1')}`),
    onFragment() {},
    onPing: (payload) => heard.push(`ping ${payload.toString('latin1')}`),
    onPong: () => heard.push('pong'),
    onCloseFrame: (code) => heard.push(`close ${code}`),
  })
  return { reader, heard }
}

/** The parts of `ws` that are not public and that {@link Receiver} stands on: what each is before the first byte. */
const fields: [name: string, value: unknown][] = [
  ['_loop', false],
  ['_buffers', []],
  ['_bufferedBytes', 0],
  ['_mask', undefined],
  ['_fin', false],
  ['_fragmented', 0],
  ['_fragments', []],
  ['_messageLength', 0],
  ['_state', 0],
]

/** Reads as a connection does: each piece in memory of its own, as a read of a socket brings it. */
function read(reader: Receiver, piece: Buffer): void {
  const own = Buffer.allocUnsafeSlow(piece.length)
  piece.copy(own)
  expect(reader.read(own)).toBeUndefined()
  if (reader.unfinished) reader.compact()
}

/** Bytes of memory that a receiver keeps, and in how many pieces. */
function memoryOf({ _buffers, _fragments, _mask }: Receiver): { bytes: number; pieces: number } {
  const pieces = [..._buffers, ..._fragments, ...(_mask ? [_mask] : [])]
  const backing = new Set(pieces.map(({ buffer }) => buffer))
  return { bytes: [...backing].reduce((sum, { byteLength }) => sum + byteLength, 0), pieces: pieces.length }
}

function pieces(bytes: Buffer, length: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
    bytes.subarray(i * length, (i + 1) * length),
  )
}

function fragments(message: Buffer, length: number): Buffer[] {
  const parts = pieces(message, length)
  return parts.map((part, i) => frame(i === 0 ? Op.binary : Op.continuation, part, { fin: i === parts.length - 1 }))
}

/** A read of 64 KiB that brings pings before and after something. */
function amidPings(bytes: Buffer): Buffer {
  const ping = frame(Op.ping, Buffer.alloc(125))
  const pings = Array.from({ length: 249 }, () => ping)
  return Buffer.concat([...pings, bytes, ...pings])
}

describe('ws, on whose private parts the receiver stands,', () => {
  it.each(fields)('still has the field %s', (name, value) => {
    const { reader } = receiver()
    expect(Object.hasOwn(reader, name)).toBe(true)
    expect(Reflect.get(reader, name)).toEqual(value)
  })

  it.each(['_write', 'startLoop', 'dataMessage'])('still has the method %s', (name) => {
    const ws: object = Object.getPrototypeOf(Receiver.prototype)
    expect(Object.hasOwn(ws, name)).toBe(true)
    expect(Reflect.get(ws, name)).toBeTypeOf('function')
  })

  it('still keeps in these fields what is not whole', () => {
    const { reader } = receiver()
    reader.read(frame(Op.text, 'begin', { fin: false }))
    expect(reader).toMatchObject({ _fin: false, _fragmented: Op.text, _messageLength: 5, _state: 0 })
    expect(reader._fragments).toEqual([Buffer.from('begin')])
    const mask = Buffer.from([1, 2, 3, 4])
    reader.read(frame(Op.continuation, 'end', { mask }).subarray(0, 7))
    expect(reader).toMatchObject({ _fin: true, _mask: mask, _bufferedBytes: 1 })
    expect(reader._state).not.toBe(0)
    expect(Buffer.concat(reader._buffers)).toHaveLength(1)
  })

  it('still stops between two frames, and goes on there', () => {
    const heard: string[] = []
    const reader = new Receiver(0, {
      onMessage(data) {
        heard.push(data.toString())
        reader.stop()
      },
      onFragment() {},
      onPing() {},
      onPong() {},
      onCloseFrame() {},
    })
    reader.read(Buffer.concat(['one', 'two'].map((text) => frame(Op.text, text))))
    expect(heard).toEqual(['one'])
    reader.resume()
    expect(heard).toEqual(['one', 'two'])
  })

  it('still calls back before its methods return, with the codes that choose how to close', () => {
    const long = frame(Op.binary, Buffer.alloc(2000))
    expect(receiver(1000).reader.read(long)).toBe(closes.tooBig)
    expect(receiver(0).reader.read(frame(Op.text, Buffer.from([0xff])))).toBe(closes.notUtf8)
    expect(receiver(0).reader.read(frame(3))).toBe(closes.protocolError)
  })

  it('is held to its minor version', () => {
    const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(dependencies.ws).toMatch(/^~/)
  })
})

describe('a message, however it is cut (10.18)', () => {
  it('into frames and TCP segments, comes as it was sent', () => {
    const message = fc.record({
      text: fc.boolean(),
      parts: fc.array(fc.string({ maxLength: 300, unit: 'binary-ascii' }), { minLength: 1, maxLength: 20 }),
      ping: fc.option(fc.string({ maxLength: 125, unit: 'binary-ascii' }), { nil: undefined }),
    })
    const cuts = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), cuts, (messages, lengths) => {
        const said: string[] = []
        const stream = messages.flatMap(({ text, parts, ping }) => {
          if (ping !== undefined && parts.length > 1) said.push(`ping ${ping}`)
          said.push(`${text ? 'text' : 'binary'} ${parts.join('')}`)
          const frames = parts.map((part, i) =>
            frame(i > 0 ? Op.continuation : text ? Op.text : Op.binary, part, { fin: i === parts.length - 1 }),
          )
          if (ping !== undefined && parts.length > 1) frames.splice(1, 0, frame(Op.ping, ping))
          return frames
        })
        const { reader, heard } = receiver()
        let rest = Buffer.concat(stream)
        for (let i = 0; rest.length > 0; i++) {
          const length = lengths[i % lengths.length] ?? 1
          read(reader, rest.subarray(0, length))
          rest = rest.subarray(length)
        }
        expect(heard).toEqual(said)
        expect(reader.unfinished).toBe(false)
      }),
    )
  })

  it('of 100 kB in pieces of 16 bytes is read like any other', () => {
    const message = Buffer.alloc(100_000, 'abcdefg')
    const { reader, heard } = receiver()
    for (const piece of pieces(frame(Op.binary, message), 16)) read(reader, piece)
    expect(heard).toEqual([`binary ${message.toString()}`])
  })

  it('in fragments of one byte is read like any other', () => {
    const message = Buffer.alloc(20_000, 'abcdefg')
    const { reader, heard } = receiver()
    for (const fragment of fragments(message, 1)) read(reader, fragment)
    expect(heard).toEqual([`binary ${message.toString()}`])
  })
})

describe('a message that has come in part costs about its bytes (10.21)', () => {
  const message = Buffer.alloc(2 ** 17, 'abcdefg')
  const ways: Record<string, Buffer[]> = {
    'a frame in pieces of 16 bytes': pieces(frame(Op.binary, message), 16),
    'a frame in pieces of 1,448 bytes': pieces(frame(Op.binary, message), 1448),
    'a frame in pieces of 64 KiB': pieces(frame(Op.binary, message), 65_536),
    'fragments of 1 byte, each in a read full of pings': fragments(message.subarray(0, 1000), 1).map(amidPings),
    'fragments of 3,000 bytes, each in a read full of pings': fragments(message, 3000).map(amidPings),
    'fragments of 1 byte, thousands in each read': pieces(Buffer.concat(fragments(message, 1)), 65_536),
    'half a header behind a read full of pings': [amidPings(Buffer.alloc(0)), frame(Op.binary, message).subarray(0, 1)],
    'a header and a mask behind a read full of pings': [
      Buffer.concat([amidPings(Buffer.alloc(0)), frame(Op.binary, message).subarray(0, 14)]),
      Buffer.alloc(0),
    ],
  }

  it.each(Object.keys(ways))('as %s', (way) => {
    const { reader } = receiver()
    for (const piece of ways[way]?.slice(0, -1) ?? []) {
      if (piece.length > 0) read(reader, piece)
      if (!reader.unfinished) continue
      const { bytes, pieces } = memoryOf(reader)
      expect(bytes).toBeLessThanOrEqual(2 * reader.kept + 4096)
      expect(pieces).toBeLessThanOrEqual(reader.kept / 4096 + 4)
    }
  })
})
