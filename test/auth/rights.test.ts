import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Rights } from '../../src/auth/rights.js'

/** Whether a claim lets into a room of `pluresdb`. */
function joins(claim: unknown, room: string, dialect = 'pluresdb'): boolean | undefined {
  return Rights.of(claim)?.may('join', dialect, room)
}

describe('the claim rooms', () => {
  it.each([
    ['doc', 'doc', true],
    ['doc', 'doc-1', false],
    ['doc', 'Doc', false],
    ['doc-*', 'doc-', true],
    ['doc-*', 'doc-1/notes', true],
    ['doc-*', 'my-doc-1', false],
    ['*-doc', 'my-doc', true],
    ['*-doc', 'my-doc-1', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['ab*bc', 'abc', false],
    ['*', 'anything at all', true],
    ['**', 'x', true],
    ['d.c', 'doc', false],
    ['doc?', 'docs', false],
  ])('%j and the room %j: %j', (pattern, room, expected) => {
    expect(joins([pattern], room)).toBe(expected)
  })

  it('means a dialect by its name and a slash, and else all of them', () => {
    expect(joins(['pluresdb/doc-*'], 'doc-1')).toBe(true)
    expect(joins(['pluresdb/doc-*'], 'doc-1', 'y-webrtc')).toBe(false)
    expect(joins(['doc-*'], 'doc-1', 'y-webrtc')).toBe(true)
    expect(joins(['opaque/raw/doc'], 'raw/doc', 'opaque')).toBe(true)
    expect(joins(['raw/doc'], 'raw/doc', 'opaque')).toBe(true)
    // A topic may be called like a room of another dialect.
    expect(joins(['pluresdb/x'], 'pluresdb/x')).toBe(false)
    expect(joins(['pluresdb/*'], 'pluresdb/x', 'y-webrtc')).toBe(false)
    expect(joins(['y-webrtc/pluresdb/x'], 'pluresdb/x', 'y-webrtc')).toBe(true)
  })

  it('gives each pattern its rights, and a room those of all patterns that match', () => {
    const rights = Rights.of({ '*': ['join'], 'doc-*': ['publish'], none: [] })
    expect(rights?.may('join', 'opaque', 'doc-1')).toBe(true)
    expect(rights?.may('publish', 'opaque', 'doc-1')).toBe(true)
    expect(rights?.may('publish', 'opaque', 'news')).toBe(false)
  })

  it('allows nothing when it is left out or empty', () => {
    for (const claim of [undefined, [], {}, { '*': [] }]) {
      expect(joins(claim, 'doc')).toBe(false)
      expect(Rights.of(claim)?.none).toBe(true)
    }
  })

  it.each([
    [null],
    ['*'],
    [7],
    [true],
    [['']],
    [[7]],
    [{ doc: 'join' }],
    [{ doc: ['own'] }],
    [{ doc: ['join', 1] }],
    [{ doc: null }],
    [{ '': ['join'] }],
  ])('is refused as %j', (claim) => {
    expect(Rights.of(claim)).toBeUndefined()
  })

  it('matches what a regular expression would', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 8 })
    const names = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(letters, names, (pattern, name) => {
        expect(joins([pattern], name)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name))
      }),
      { numRuns: 2000 },
    )
  })
})
