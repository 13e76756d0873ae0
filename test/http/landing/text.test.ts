import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { difference, SharedText } from '../../../src/http/landing/page/text.js'

type Edit = ReturnType<SharedText['edit']>

function textOf(text: SharedText): string {
  return text.visible.map(({ char }) => char).join('')
}

/** Replaces characters by their places, as an editor does. */
function type(text: SharedText, start: number, count: number, chars: string): Edit {
  const { visible } = text
  const at = Math.min(start, visible.length)
  return text.edit(visible[at - 1]?.id ?? '', visible.slice(at, at + count), [...chars])
}

/** Three sites, and what each has not read of the others' edits yet, in the order in which they were sent. */
class Room {
  readonly texts = ['a', 'b', 'c'].map((site) => new SharedText(site))
  readonly #queues = this.texts.map(() => this.texts.map((): Edit[] => []))

  say(from: number, edit: Edit): void {
    for (const to of this.texts.keys()) if (to !== from) this.#queues[to]?.[from]?.push(edit)
  }

  /** Reads the next edit of a site. An edit whose neighbour is missing makes the reader ask for everything. */
  read(to: number, from: number): void {
    const edit = this.#queues[to]?.[from]?.shift()
    const [reader, writer] = [this.texts[to], this.texts[from]]
    if (edit && reader && writer && !reader.merge(edit)) expect(reader.merge(writer.whole)).toBe(true)
  }

  readAll(to: number): void {
    for (const from of this.texts.keys()) while (this.#queues[to]?.[from]?.length) this.read(to, from)
  }

  settle(): void {
    for (const to of this.texts.keys()) this.readAll(to)
  }
}

/** Types one letter after the other, where it typed the last one. */
class Typist {
  typed = ''
  #last = ''
  readonly #text: SharedText
  readonly #letter: string

  constructor(text: SharedText, letter: string) {
    this.#text = text
    this.#letter = letter
  }

  type(): Edit {
    const edit = this.#text.edit(this.#last, [], [this.#letter])
    this.#last = edit.insert[0]?.id ?? ''
    this.typed += this.#letter
    return edit
  }
}

const step = fc.record({
  site: fc.nat(2),
  other: fc.nat(2),
  read: fc.boolean(),
  start: fc.nat(12),
  count: fc.nat(3),
  chars: fc.string({ unit: fc.constantFrom('x', 'y', '\n', '👋', 'ü'), maxLength: 4 }),
})

describe('the shared text', () => {
  it('is the same for all, whoever typed where and whatever arrived first', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const room = new Room()
        for (const { site, other, read, start, count, chars } of steps) {
          const text = room.texts[site]
          if (read) room.read(site, other)
          else if (text) room.say(site, type(text, start, count, chars))
        }
        room.settle()
        const [first, ...others] = room.texts.map((text) => ({ seen: textOf(text), whole: text.whole }))
        expect(others).toEqual([first, first])
      }),
      { numRuns: 500 },
    )
  })

  it('loses nothing that was typed, and keeps together what one typed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.boolean()), { maxLength: 40 }), (steps) => {
        const room = new Room()
        const typists = room.texts.map((text, site) => new Typist(text, 'abc'.charAt(site)))
        for (const [site, read] of steps) {
          if (read) room.readAll(site)
          else room.say(site, typists[site]?.type() ?? expect.unreachable())
        }
        room.settle()
        const words = typists.map(({ typed }) => typed)
        for (const seen of room.texts.map(textOf)) {
          expect(seen.length).toBe(words.join('').length)
          for (const word of words) expect(seen).toContain(word)
        }
      }),
    )
  })

  it('puts what replaces something where that stood, whatever others have put before it meanwhile', () => {
    const [ann, ben] = [new SharedText('ann'), new SharedText('ben')]
    ben.merge(type(ann, 0, 0, 'old'))
    const { visible } = ann
    ann.merge(type(ben, 0, 0, 'Ben: '))
    // As an editor does that has not shown Ben's yet.
    ben.merge(ann.edit('', visible, [...'new']))

    expect([textOf(ann), textOf(ben)]).toEqual(['Ben: new', 'Ben: new'])
  })

  it('reaches a newcomer whole, without what was removed', () => {
    const ann = new SharedText('ann')
    type(ann, 0, 0, 'A secret stays')
    type(ann, 2, 7, '')
    const ben = new SharedText('ben')

    expect(JSON.stringify(ann.whole)).not.toContain('secret')
    expect(ben.merge(ann.whole)).toBe(true)
    expect(textOf(ben)).toBe('A stays')
    expect(ben.whole).toEqual(ann.whole)
    expect(ann.whole.insert).toHaveLength(1)
  })

  it('says so when something that came before is missing, and shows nothing in a wrong place', () => {
    const ann = new SharedText('ann')
    type(ann, 0, 0, 'one')
    const second = type(ann, 3, 0, ' two')
    const removal = type(ann, 0, 1, '')
    const ben = new SharedText('ben')

    expect(ben.merge(second)).toBe(false)
    expect(ben.merge(removal)).toBe(false)
    expect(textOf(ben)).toBe('')
    expect(ben.merge(ann.whole)).toBe(true)
    expect(textOf(ben)).toBe('ne two')
  })

  it('knows how far from the start a character stands, even one that is gone', () => {
    const text = new SharedText('ann')
    type(text, 0, 0, 'a👋b')
    const ids = ['', ...text.visible.map(({ id }) => id)]
    expect(ids.map((id) => text.offsetOf(id))).toEqual([0, 1, 3, 4])

    type(text, 1, 1, '')
    expect(ids.map((id) => text.offsetOf(id))).toEqual([0, 1, 1, 2])
  })
})

describe('the difference between two texts', () => {
  it.each([
    ['a letter after its like', 'aaa', 'aaaa', 2, { start: 1, end: 1, chars: ['a'] }],
    ['a letter removed among its likes', 'aaa', 'aa', 1, { start: 1, end: 2, chars: [] }],
    ['a part replaced', 'one two', 'one 2', 5, { start: 4, end: 7, chars: ['2'] }],
    ['an emoji replaced by one with the same first half', 'a😀b', 'a😁b', 3, { start: 1, end: 2, chars: ['😁'] }],
    ['nothing', 'same', 'same', 4, { start: 4, end: 4, chars: [] }],
  ])('is %s', (_, before, after, caret, expected) => {
    const text = new SharedText('a')
    type(text, 0, 0, before)
    expect(difference(text.visible, after, caret)).toEqual(expected)
  })

  it('turns the one into the other, wherever the caret is', () => {
    const some = fc.string({ unit: fc.constantFrom('a', 'b', '👋'), maxLength: 8 })
    fc.assert(
      fc.property(some, some, fc.nat(16), (before, after, caret) => {
        const text = new SharedText('a')
        type(text, 0, 0, before)
        const { start, end, chars } = difference(text.visible, after, Math.min(caret, after.length))
        expect([...before].toSpliced(start, end - start, ...chars).join('')).toBe(after)
      }),
    )
  })
})
