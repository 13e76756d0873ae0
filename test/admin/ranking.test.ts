import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Ranking } from '../../src/admin/ranking.js'

it('keeps the first of many, the highest first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 20 }), (scores, most) => {
      const ranking = new Ranking<number>(most)
      for (const score of scores) if (ranking.admits(score)) ranking.add(score, score)
      expect(ranking.best()).toEqual(scores.toSorted((a, b) => b - a).slice(0, most))
    }),
  )
})
