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

it('bringing tokens without a pause does not put off the end of the one in force', async () => {
  const clock = stopClocks()
  let checks = 0
  const tokens = {
    identify: async () => passUntil(Date.now() + 60_000),
    check: async () => {
      checks++
      clock.pass(20)
      return 'token-malformed' as const
    },
  }
  const hub = createHub({ joinTimeout: 0 }, {}, { tokens })
  const { seen, receive } = connect(hub, '/pluresdb')
  await turn()
  for (let i = 0; i < 10; i++) receive({ type: 'auth', token: 'sesame' })
  await turn()
  expect(seen.at(-1)).toBe('close 1008')
  expect(checks).toBeLessThanOrEqual(3)
  hub.stop()
})

it('more fresh tokens than anybody needs slow down who brings them', async () => {
  const hit: string[] = []
  const tokens = { identify: async () => passUntil(Date.now() + HOUR), check: async () => passUntil(Date.now() + HOUR) }
  const hub = createHub({}, { limited: (limit) => hit.push(limit) }, { tokens })
  const { session, receive } = connect(hub, '/pluresdb')
  await turn()
  for (let i = 0; i < 10; i++) receive({ type: 'auth', token: 'fresh' })
  for (let i = 0; i < 10; i++) await turn()
  expect(hit).toEqual([])
  receive({ type: 'auth', token: 'fresh' })
  expect(hit).toEqual(['throttle'])
  session.end(1000)
  hub.stop()
})
