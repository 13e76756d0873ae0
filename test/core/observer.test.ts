import { describe, expect, it } from 'vitest'
import { combineObservers } from '../../src/core/observer.js'

describe('combined observers', () => {
  it('hear all of an event that they have a method for, in their order', () => {
    const heard: unknown[] = []
    const first = { failed: (...about: unknown[]) => void heard.push(['first', ...about]) }
    const second = {
      name: 'second',
      failed(...about: unknown[]) {
        heard.push([this.name, ...about])
      },
      limited: (...about: unknown[]) => void heard.push(about),
    }
    const observer = combineObservers([first, {}, second])
    observer.failed('why')
    observer.limited('rate', undefined, '192.0.2.1')
    observer.handshakeFailed(400, 'nobody hears this')
    expect(heard).toEqual([
      ['first', 'why'],
      ['second', 'why'],
      ['rate', undefined, '192.0.2.1'],
    ])
  })
})
