import { expect, it } from 'vitest'
import type { Pass } from '../../src/core/authority.js'
import { stopClocks } from '../support/clock.js'
import { connect, createHub, turn } from '../support/hub.js'

const HOUR = 3_600_000

/** A pass for everything. */
function passUntil(expires: number): Pass {
  return { user: 'alice', expires, may: () => true }
}

it('a fresh token that came in time counts, however long its check takes', async () => {
  const clock = stopClocks()
  let answer: ((pass: Pass) => void) | undefined
  const tokens = {
    identify: async () => passUntil(Date.now() + HOUR),
    check: () =>
      new Promise<Pass>((resolve) => {
        answer = resolve
      }),
  }
  const hub = createHub({ joinTimeout: 0 }, {}, { tokens })
  const { seen, receive } = connect(hub, '/pluresdb')
  await turn()
  clock.pass(3599)
  receive({ type: 'auth', token: 'fresh' })
  clock.pass(10)
  expect(seen).toEqual([])
  const expires = Date.now() + HOUR
  answer?.(passUntil(expires))
  await turn()
  expect(seen).toEqual([`{"type":"auth","expires":${expires}}`])
  clock.pass(3599)
  expect(seen).toHaveLength(1)
  clock.pass(2)
  expect(seen.at(-1)).toBe('close 1008')
  hub.stop()
})
