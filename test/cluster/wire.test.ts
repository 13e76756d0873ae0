import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/cluster/messages.js'
import { type Envelope, NEWEST, OLDEST, WireCodec } from '../../src/cluster/wire.js'
import { encodeFrame, Opcode } from '../../src/core/frame.js'

const wire = new WireCodec('')
const CHANNEL = 'baton:ctl'

/** Numbers that nodes count to. */
const number = fc.maxSafeNat()
const node = fc.stringMatching(/^[0-9a-f]{16}$/)
const room = fc.stringMatching(/^[0-9a-f]{32}$/)
/** Names of clients: any text, of at most 128 UTF-16 code units, even with half a character. */
const name = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 64 }),
  fc
    .array(fc.integer({ min: 0xd7f0, max: 0xe010 }), { minLength: 1, maxLength: 128 })
    .map((units) => String.fromCharCode(...units)),
)
const member = fc.record({ key: name, id: name, nickname: fc.option(name, { nil: undefined }) })
const bytes = fc
  .oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(70_000).map((length) => new Uint8Array(length)),
  )
  .map((array) => Buffer.from(array))
const frame = fc
  .tuple(fc.constantFrom(Opcode.text, Opcode.binary), bytes)
  .map(([opcode, payload]) => encodeFrame(opcode, payload))
const position = { seq: number, membershipSeq: number, created: number }
const change = fc.oneof(
  fc.record({ what: fc.constant('data' as const), frame }),
  fc.record({ what: fc.constant('join' as const), who: member }),
  fc.record({ what: fc.constant('leave' as const), key: name }),
)
const few = { maxLength: 4 }

/** Whatever a node may say. */
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    kind: fc.constant('beat' as const),
    count: number,
    speaks: fc.nat(255),
    totals: fc.record({ connections: number, rooms: number, topics: number, peers: number }),
  }),
  fc.record({ kind: fc.constantFrom('bye' as const, 'dropped' as const) }),
  fc.record({
    kind: fc.constant('hello' as const),
    ...position,
    members: fc.array(member, few),
    known: fc.array(fc.tuple(node, number), few).map((entries) => new Map(entries)),
    wantsHistory: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('sync' as const),
    room,
    ...position,
    hosts: fc.array(node, few),
    members: fc.array(member, few),
    history: fc.array(fc.record({ text: bytes, at: number, origin: name }), few),
  }),
  fc.record({ kind: fc.constant('need' as const), room }),
  fc.record({ kind: fc.constant('absent' as const), room, seq: number }),
  fc.record({
    kind: fc.constant('batch' as const),
    first: number,
    prevMembershipSeq: number,
    changes: fc.array(change, few),
  }),
  fc.record({ kind: fc.constant('beacon' as const), ...position }),
  fc.record({ kind: fc.constant('gone' as const), seq: number }),
  fc.record({ kind: fc.constant('expire' as const), created: number }),
)
const envelope: fc.Arbitrary<Envelope> = fc.record({ version: fc.constant(NEWEST), node, message })

/** Vitest's own comparison takes its time with bytes; this one minds prototypes, which clones share. */
function expectSame(actual: unknown, expected: unknown): void {
  expect(isDeepStrictEqual(structuredClone(actual), structuredClone(expected))).toBe(true)
}

describe('a frame between nodes', () => {
  it('says what was meant, signed or not', () => {
    const signed = new WireCodec('secret')
    const check = (said: Envelope): void => {
      expectSame(wire.decode(CHANNEL, wire.encode(CHANNEL, said)), said)
      expectSame(signed.decode(CHANNEL, signed.encode(CHANNEL, said)), said)
    }
    fc.assert(fc.property(envelope, check), { numRuns: 500 })
  })

  it('is never read wrong: any bytes are a message or a fault, and throw nothing', () => {
    const check = (frame: Buffer): void => {
      const read = wire.decode(CHANNEL, frame)
      if (typeof read !== 'object') expect([undefined, 'version', 'unsigned', 'malformed']).toContain(read)
    }
    const anything = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
    const headed = fc
      .tuple(fc.constantFrom(OLDEST, NEWEST), fc.nat(12), anything)
      .map(([version, kind, rest]) => Buffer.concat([Buffer.from([version, kind]), Buffer.alloc(8), rest]))
    // Good frames, with bytes changed, left out and added.
    const damaged = fc
      .tuple(envelope, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.nat(), anything)
      .map(([said, changes, end, more]) => {
        const frame = wire.encode(CHANNEL, said)
        for (const [at, byte] of changes) frame[at % frame.length] = byte
        return end % 3 === 0 ? Buffer.concat([frame, more]) : frame.subarray(0, frame.length - (end % 20))
      })
    fc.assert(fc.property(fc.oneof(anything, headed, damaged), check), { numRuns: 5000 })
  })

  it('may have more at its end than is known, and be of a kind that is not', () => {
    const check = (said: Envelope): void => {
      const longer = Buffer.concat([wire.encode(CHANNEL, said), Buffer.from('of a later version')])
      expectSame(wire.decode(CHANNEL, longer), said)
      longer[1] = 200
      expect(wire.decode(CHANNEL, longer)).toBeUndefined()
    }
    fc.assert(fc.property(envelope, check), { numRuns: 100 })
  })

  it.each([0, NEWEST + 1, 127])('of version %i is not looked at', (version) => {
    expect(
      wire.decode(CHANNEL, wire.encode(CHANNEL, { version, node: '0'.repeat(16), message: { kind: 'bye' } })),
    ).toBe('version')
  })

  it('that is signed holds on its channel alone, as it is, for those who know the secret', () => {
    const signed = new WireCodec('secret')
    const check = (said: Envelope, at: number, flip: number): void => {
      const frame = signed.encode(CHANNEL, said)
      expect(signed.decode('baton:r:other', frame)).toBe('unsigned')
      expect(new WireCodec('guessed').decode(CHANNEL, frame)).toBe('unsigned')
      expect(signed.decode(CHANNEL, wire.encode(CHANNEL, said))).toBe('unsigned')
      expect(wire.decode(CHANNEL, frame)).toBe('unsigned')
      const place = at % frame.length
      frame[place] = (frame[place] ?? 0) ^ flip
      expect(['unsigned', 'version']).toContain(signed.decode(CHANNEL, frame))
    }
    fc.assert(fc.property(envelope, fc.nat(), fc.integer({ min: 1, max: 255 }), check), { numRuns: 300 })
  })
})

interface Golden {
  hex: string
  envelope: Envelope
}

/** Frames as version 1 writes them, in `frames-v1.json`: buffers are base64, maps lists of pairs. */
function golden(): Golden[] {
  const file = new URL('frames-v1.json', import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8'), (key, value) => {
    if (key === 'frame' || key === 'text') return Buffer.from(String(value), 'base64')
    return key === 'known' ? new Map(value as [string, number][]) : (value as unknown)
  }) as Golden[]
}

describe('version 1', () => {
  it.each(golden().map((each) => [each.envelope.message.kind, each] as const))(
    'a %s is read and written as ever',
    (_kind, { hex, envelope: said }) => {
      expect(wire.decode(CHANNEL, Buffer.from(hex, 'hex'))).toEqual(said)
      expect(wire.encode(CHANNEL, said).toString('hex')).toBe(hex)
    },
  )

  it('has all kinds', () => {
    const kinds = ['beat', 'bye', 'dropped', 'hello', 'sync', 'need', 'absent', 'batch', 'beacon', 'gone', 'expire']
    expect(golden().map(({ envelope: { message: said } }) => said.kind)).toEqual(kinds)
    expect(golden().every(({ envelope: { version } }) => version === 1)).toBe(true)
  })

  it('is signed as ever', () => {
    const bye: Envelope = { version: 1, node: '0123456789abcdef', message: { kind: 'bye' } }
    expect(new WireCodec('secret').encode(CHANNEL, bye).toString('hex')).toBe(
      '81010123456789abcdef886367795ee2a3c2f95a6823390e52c7',
    )
  })
})

describe('whose ids are (10.33)', () => {
  const owner = fc.oneof(fc.constant(''), room)
  const owned = fc.tuple(member, owner).map(([who, theirs]) => ({ ...who, owner: theirs }))

  it('is said behind what older nodes read, and is read again', () => {
    fc.assert(
      fc.property(fc.array(owned, { minLength: 1, maxLength: 4 }), number, node, room, (members, seq, id, key) => {
        const messages: Message[] = [
          { kind: 'hello', seq, membershipSeq: seq, created: seq, members, known: new Map(), wantsHistory: true },
          { kind: 'sync', room: key, seq, membershipSeq: seq, created: seq, hosts: [id], members, history: [] },
          {
            kind: 'batch',
            first: seq,
            prevMembershipSeq: seq,
            changes: members.flatMap((who) => [
              { what: 'leave', key: who.key },
              { what: 'join', who },
            ]),
          },
        ]
        for (const message of messages) {
          const envelope = { version: NEWEST, node: id, message }
          const encoded = wire.encode(CHANNEL, envelope)
          expectSame(wire.decode(CHANNEL, encoded), envelope)
          // Cut short or garbled, the rest is read all the same.
          expect(wire.decode(CHANNEL, encoded.subarray(0, -1))).toMatchObject({ message: { kind: message.kind } })
        }
      }),
      { numRuns: 50 },
    )
  })
})
