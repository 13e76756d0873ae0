import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Rights } from '../../src/auth/rights.js'
import { normalPath, pathText } from '../../src/dialects/path.js'
import { frame, Op, RawClient } from '../support/raw.js'
import { startRelay } from '../support/relay.js'

const PCHAR = /[\w\-.~!$&'()*+,;=:@]/

/** A byte of a path, in one of its spellings. */
function spelling(byte: number): fc.Arbitrary<string> {
  const hex = byte.toString(16).padStart(2, '0')
  const escapes = [`%${hex}`, `%${hex.toUpperCase()}`]
  const character = String.fromCharCode(byte)
  return fc.constantFrom(...(PCHAR.test(character) ? [...escapes, character, character] : escapes))
}

const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from("/%.'é|+ a")))
const segment = fc.array(byte, { maxLength: 8 }).filter((bytes) => !/^\.{1,2}$/.test(Buffer.from(bytes).toString()))

function spelt(segments: number[][]): fc.Arbitrary<string> {
  const each = segments.map((bytes) => fc.tuple(...bytes.map(spelling)).map((all) => all.join('')))
  return fc.tuple(...each).map((all) => `/${all.join('/')}`)
}

describe('a room under two spellings (10.16)', () => {
  it('is one room, whichever characters are escaped, and no other', () => {
    fc.assert(
      fc.property(
        fc
          .array(segment, { minLength: 1, maxLength: 3 })
          .chain((segments) => fc.tuple(fc.constant(segments), spelt(segments), spelt(segments))),
        ([segments, one, other]) => {
          const path = normalPath(one)
          expect(normalPath(other)).toBe(path)
          expect(normalPath(path)).toBe(path)
          const read = path
            .slice(1)
            .split('/')
            .map((name) => name.replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))))
          expect(read).toEqual(segments.map((bytes) => Buffer.from(bytes).toString('latin1')))
        },
      ),
      { numRuns: 500 },
    )
  })

  it.each([
    ['/raw/caf%c3%a9', '/raw/caf%C3%A9'],
    ['/raw/it%27s', "/raw/it's"],
    ['/raw/%7Eann%2Ddoc', '/raw/~ann-doc'],
    ['/raw/a b|c', '/raw/a%20b%7Cc'],
    ['/raw/100%', '/raw/100%25'],
    ['/raw/100%zz', '/raw/100%25zz'],
    ['/raw/./a/../b', '/raw/b'],
    ['/raw/a/%2e%2E/b', '/raw/b'],
    ['/raw/a/..', '/raw/'],
    ['/../../raw/a', '/raw/a'],
    ['/raw/...', '/raw/...'],
    ['/raw/a%2Fb', '/raw/a%2Fb'],
    ['/raw/a%2fb', '/raw/a%2Fb'],
    ['/raw/a%252Fb', '/raw/a%252Fb'],
    ['/raw//a', '/raw//a'],
    ['/raw/A', '/raw/A'],
    ['/', '/'],
  ])('%s is spelt %s', (path, normal) => {
    expect(normalPath(path)).toBe(normal)
  })

  it.each([
    ['/raw/caf%c3%a9', '/raw/caf%C3%A9'],
    ["/gun/it's", '/gun/it%27s'],
    ['/raw/x/%2e./doc', '/raw/doc'],
    ['/%72aw/doc', '/raw/doc'],
    ['/raw/doc/', '/raw/doc'],
  ])('%s and %s hear each other', async (one, other) => {
    const relay = await startRelay()
    const [a, b] = [await RawClient.open(relay, one), await RawClient.open(relay, other)]
    a.write(frame(Op.text, 'hello', {}))
    expect((await b.frame())?.payload.toString()).toBe('hello')
    expect(relay.relay.stats().currentRooms).toBe(1)
  })

  it.each(['/room/%64oc', '/room/d%6Fc/', '/x?room=d%6fc', '/?room=doc', '/%72oom/doc'])(
    'impossible-writer finds the room doc of %s',
    async (path) => {
      const relay = await startRelay()
      expect(await (await RawClient.open(relay, path)).json()).toMatchObject({ type: 'connected', roomId: 'doc' })
    },
  )

  it('is one name for the hook, and under a prefix', async () => {
    const asked: unknown[] = []
    const relay = await startRelay({
      authorize: ({ verb, room, path }) => {
        asked.push([verb, room, path])
        return true
      },
    })
    await (await RawClient.open(relay, '/%72aw/x/../it%27s%c3%a9?a=/../b')).answers()
    expect(asked).toEqual([
      ['connect', undefined, "/raw/it's%C3%A9"],
      ['join', "raw/it's%C3%A9", "/raw/it's%C3%A9"],
    ])
  })

  it('has the same rights under all of them, in the path and in the token', () => {
    for (const pattern of ['café/*', 'caf%c3%a9/*', 'caf%C3%A9/*', '%63afé/*']) {
      const rights = Rights.of([`opaque/raw/${pattern}`])
      expect(rights?.may('join', 'opaque', normalPath('/raw/caf%c3%a9/x').slice(1))).toBe(true)
      expect(rights?.may('join', 'opaque', normalPath('/raw/caf%C3%A9/../secret').slice(1))).toBe(false)
      expect(rights?.may('join', 'opaque', normalPath('/raw/caf%C3%A9/%2e%2e/secret').slice(1))).toBe(false)
    }
    expect(pathText('raw/*')).toBe('raw/*')
  })
})
