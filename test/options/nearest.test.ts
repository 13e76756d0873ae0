import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { optionInfos, parseOptions } from '../../src/options/index.js'
import { nearest } from '../../src/options/nearest.js'

const names = optionInfos.map(({ name }) => name)

describe('the name that was meant (10.44)', () => {
  it('is found for any one letter that is added, left out, replaced or swapped', () => {
    const name = fc.constantFrom(...names.filter(({ length }) => length >= 8))
    fc.assert(
      fc.property(name, fc.nat(), fc.constantFrom('add', 'leave out', 'replace', 'swap'), (name, at, what) => {
        const i = at % (name.length - 1)
        const [a = '', b = ''] = [name[i], name[i + 1]]
        const middle = { add: `${a}q${b}`, 'leave out': b, replace: `q${b}`, swap: b + a }[what]
        expect(nearest(name.slice(0, i) + middle + name.slice(i + 2), [name])).toBe(name)
      }),
    )
  })

  it.each(['nonsense', 'x', '', 'hostName', 'postgresPort'])('is not guessed for %j', (word) => {
    expect(nearest(word, names)).toBeUndefined()
  })

  it('is said by the library too', () => {
    expect(() => parseOptions({ maxConections: 5 })).toThrow(
      'maxConections: there is no such option; did you mean maxConnections?',
    )
  })
})
