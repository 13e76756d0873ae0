import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonMessage, JsonReader } from '../../src/dialects/json.js'

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g

/** A parser that keeps the text of every value, so that no digit is lost: the fields of an object, in order. */
function fieldsOf(text: string): [name: string, value: string][] {
  // What ends a name or a value of the top level, and what begins the first.
  const marks: number[] = []
  let depth = 0
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === '}' || token === ']') depth--
    if (depth === 0 || (depth === 1 && (token === ':' || token === ','))) marks.push(index)
    if (token === '{' || token === '[') depth++
  }
  const pieces = marks.slice(1).map((mark, i) => text.slice((marks[i] ?? 0) + 1, mark).trim())
  const names = pieces.filter((piece, i) => i % 2 === 0 && piece !== '')
  return names.map((name, i) => [JSON.parse(name) as string, pieces[2 * i + 1] ?? ''])
}

const blank = fc.stringMatching(/^[ \t\r\n]{0,2}$/)

/** A character of a string, as it may be written. */
const piece = fc.oneof(
  fc.constantFrom(
    'a',
    'é',
    '漢',
    '🐻',
    '\u2028',
    '\u007f',
    '{',
    '}',
    ',',
    ':',
    ' ',
    '[',
    '"type":'.replaceAll('"', ''),
  ),
  fc.constantFrom(
    '\\"',
    '\\\\',
    '\\/',
    '\\b',
    '\\n',
    '\\ud800',
    '\\udc00x',
    '\\u0000',
    '\\uD83D\\uDC3B',
    '\\"type\\":1',
  ),
)
const string = fc.array(piece, { maxLength: 60 }).map((pieces) => `"${pieces.join('')}"`)
const scalar = fc.oneof(
  string,
  fc.constantFrom('12345678901234567890', '1e400', '-0', '1.10', '0.1e-7', '5E+3', '-1e-400', 'true', 'false', 'null'),
)
const value = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc
      .tuple(blank, fc.array(fc.tuple(blank, tie('value'), blank), { maxLength: 4 }))
      .map(([space, all]) => `[${all.length === 0 ? space : all.map((each) => each.join('')).join(',')}]`),
    fc
      .tuple(blank, fc.array(fc.tuple(blank, string, blank, tie('value'), blank), { maxLength: 4 }))
      .map(
        ([space, all]) =>
          `{${all.length === 0 ? space : all.map(([a, k, b, v, c]) => `${a}${k}${b}:${v}${c}`).join(',')}}`,
      ),
  ),
})).value

/** A name with some of its characters escaped. */
function spelt(name: string): fc.Arbitrary<string> {
  const characters = [...name].map((character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0')
    return fc.constantFrom(character, character, character, `\\u${code}`, `\\u${code.toUpperCase()}`)
  })
  return fc.tuple(...characters).map((all) => `"${all.join('')}"`)
}

const field = (name: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(blank, name, blank, blank, value, blank).map(([a, n, b, c, v, d]) => `${a}${n}${b}:${c}${v}${d}`)

/** Fields that no dialect knows; some nearly. */
const other = field(
  fc.oneof(string, fc.constantFrom('"types"', '"typ"', '"\\n0074ype"', '"__proto__"', '"Type"', '""')),
)

/** An object with `must` once each, `may` anywhere and at most once each, and others. */
function objectWith(must: readonly string[], may: readonly string[]): fc.Arbitrary<string> {
  const once = must.map((name) => field(spelt(name)))
  const perhaps = may.map((name) => fc.option(field(spelt(name)), { nil: undefined }))
  return fc
    .tuple(fc.tuple(...once), fc.tuple(...perhaps), fc.array(other, { maxLength: 8 }))
    .chain(([a, b, c]) => {
      const all = [...a, ...b.filter((each) => each !== undefined), ...c]
      return fc.tuple(blank, fc.shuffledSubarray(all, { minLength: all.length }), blank)
    })
    .map(([a, fields, b]) => `${a}{${fields.join(',')}}${b}`)
}

/** What comes out of a frame, whose header is as long as its length needs. */
function payload(frame: Buffer): string {
  const [, length = 0] = frame
  return frame.subarray(length < 126 ? 2 : length === 126 ? 4 : 10).toString()
}

function read(reader: JsonReader, text: string): JsonMessage {
  const message = reader.read(Buffer.from(text), false)
  if (!(message instanceof JsonMessage)) throw new Error(`${message.why}: ${text}`)
  return message
}

describe('a text that holds fields of the relay (10.12)', () => {
  it('is relayed to the last byte without them, wherever and however they are written', () => {
    const reader = new JsonReader({ reads: ['type'], sets: ['connectionId', 'timestamp'] })
    fc.assert(
      fc.property(objectWith(['type'], ['connectionId', 'timestamp']), (text) => {
        const sent = fieldsOf(text)
        const kept = sent.filter(([name]) => name !== 'connectionId' && name !== 'timestamp')
        const seen = payload(read(reader, text).frame(',"connectionId":"me","timestamp":7}'))
        expect(fieldsOf(seen)).toEqual([...kept, ['connectionId', '"me"'], ['timestamp', '7']])
        expect(JSON.parse(seen)).toMatchObject({ connectionId: 'me', timestamp: 7 })
        if (kept.length === sent.length) expect(seen.startsWith(text.slice(0, text.lastIndexOf('}')))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('is relayed to the last byte of the fields that are relayed, where only those are', () => {
    const reader = new JsonReader({ reads: ['type', 'data', 'topic', 'peerId'], relays: ['type', 'data'] })
    fc.assert(
      fc.property(objectWith(['type', 'topic', 'data', 'peerId'], ['id']), (text) => {
        const kept = fieldsOf(text).filter(([name]) => name === 'type' || name === 'data')
        expect(fieldsOf(payload(read(reader, text).frame(',"peerId":"me"}')))).toEqual([...kept, ['peerId', '"me"']])
      }),
      { numRuns: 300 },
    )
  })

  it('is read as JSON.parse reads it', () => {
    const reader = new JsonReader({ reads: ['type', 'topics'] })
    fc.assert(
      fc.property(objectWith(['type'], []), fc.array(string, { maxLength: 5 }), blank, (text, topics, space) => {
        const whole = `${text.slice(0, text.lastIndexOf('}'))},"topics":[${space}${topics.join(`${space},`)}${space}]}`
        const message = read(reader, whole)
        const parsed = JSON.parse(whole) as { type: unknown; topics: string[] }
        expect(message.string('type')).toEqual(typeof parsed.type === 'string' ? parsed.type : undefined)
        expect(JSON.parse(message.raw('type') ?? '')).toEqual(parsed.type)
        expect(message.strings('topics')).toEqual(parsed.topics)
        expect(message.has('type')).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    '',
    ' ',
    '{',
    '}',
    '{}',
    '{},',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,}',
    '[',
    '[]',
    '[1,]',
    '[[]',
    '{"a":[}',
    '{a:1}',
    '"x',
    '1',
    '01',
    '-',
    '1.',
    '.5',
    '1e',
    '1e+',
    '+1',
    'tru',
    'nul',
    'NaN',
    '"\\x"',
    '"\\u12g4"',
    '"a\nb"',
    `"${'x'.repeat(50)}\n"`,
    `"${'x'.repeat(50)}\\"`,
    `"${'x'.repeat(50)}\\""`,
    '{} {}',
    '\ufeff{}',
    '{"a":"\\',
    '{"a":"\\u',
  ])('is JSON or not as JSON.parse says: %j', (text) => {
    expect(verdict(text)).toBe(parses(text))
  })

  it('is JSON or not as JSON.parse says, also when something in it is changed', () => {
    const change = fc.constantFrom(
      '',
      '"',
      '\\',
      ',',
      ':',
      '{',
      '}',
      '[',
      ']',
      '0',
      '-',
      '.',
      'e',
      ' ',
      '\n',
      '\u0001',
      'u',
      'true',
    )
    fc.assert(
      fc.property(fc.oneof(objectWith(['type'], []), value), fc.nat(), fc.nat(2), change, (text, at, less, more) => {
        const place = at % (text.length + 1)
        const changed = text.slice(0, place) + more + text.slice(place + less)
        // Half of a pair cannot be sent.
        fc.pre(!/\p{Surrogate}/u.test(changed))
        expect(verdict(changed)).toBe(parses(changed))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('a field that the relay reads or sets (10.13)', () => {
  it('is there once, or the message is refused, however it is written', () => {
    const reader = new JsonReader({ reads: ['type', 'topic'], sets: ['clients'] })
    const again = fc.constantFrom('topic', 'clients').chain((name) => fc.tuple(fc.constant(name), field(spelt(name))))
    fc.assert(
      fc.property(objectWith(['type', 'topic', 'clients'], []), again, fc.boolean(), (text, [name, more], first) => {
        const brace = first ? text.indexOf('{') + 1 : text.lastIndexOf('}')
        const twice = first ? `${text.slice(0, brace)}${more},${text.slice(brace)}` : `${text.slice(0, brace)},${more}}`
        expect(reader.read(Buffer.from(text), false)).toBeInstanceOf(JsonMessage)
        expect(reader.read(Buffer.from(twice), false)).toEqual({
          fault: 'twice',
          why: `Invalid message: "${name}" is there twice`,
        })
      }),
      { numRuns: 200 },
    )
  })
})

const plain = new JsonReader({ reads: [] })

function verdict(text: string): boolean {
  const message = plain.read(Buffer.from(text), false)
  return message instanceof JsonMessage || message.fault === 'not-an-object'
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
