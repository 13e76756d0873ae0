import { describe, expect, it } from 'vitest'
import type { Claims, Tokens, Verdict } from '../../src/core/authority.js'
import { stopClocks } from '../support/clock.js'
import { connect, createContext, turn } from '../support/context.js'

const HOUR = 3_600_000

/** A pass for everything. */
function passUntil(expires: number): Claims {
  return { user: 'alice', expires, allows: () => true, mayUseId: () => true }
}

/** Tokens whose checks take as long as the test wants. */
function slowTokens(): { tokens: Tokens; answer(pass: Claims): Promise<void> } {
  let resolve: ((pass: Claims) => void) | undefined
  return {
    tokens: {
      identify: async () => passUntil(Date.now() + HOUR),
      check: () =>
        new Promise<Claims>((settle) => {
          resolve = settle
        }),
    },
    async answer(pass) {
      resolve?.(pass)
      await turn()
    },
  }
}

describe('while a new token is checked (10.31)', () => {
  it('the end of the old one stays in force: it ends the connection, and its rooms are heard no longer', async () => {
    const clock = stopClocks()
    const { tokens, answer } = slowTokens()
    const context = createContext({ joinTimeout: 0 }, {}, { tokens })
    const [ann, bob] = [connect(context, '/pluresdb'), connect(context, '/pluresdb')]
    await turn()
    for (const { receive } of [ann, bob]) receive({ type: 'join', topic: 'x' })
    await turn()
    clock.pass(3599)
    bob.receive({ type: 'auth', token: 'fresh' })
    await answer(passUntil(Date.now() + HOUR))
    ann.receive({ type: 'auth', token: 'fresh' })
    clock.pass(2)
    expect(ann.seen.at(-1)).toBe('close 1008')
    const { length } = ann.seen
    bob.receive({ type: 'data', data: 'not for Ann' })
    await answer(passUntil(Date.now() + HOUR))
    expect(ann.seen).toHaveLength(length)
    context.stop()
  })

  it('nothing happens to a member whose check ends in time', async () => {
    const clock = stopClocks()
    const { tokens, answer } = slowTokens()
    const context = createContext({ joinTimeout: 0 }, {}, { tokens })
    const { seen, receive } = connect(context, '/pluresdb')
    await turn()
    clock.pass(3590)
    receive({ type: 'auth', token: 'fresh' })
    clock.pass(9)
    const expires = Date.now() + HOUR
    await answer(passUntil(expires))
    expect(seen).toEqual([`{"type":"auth","expires":${expires}}`])
    clock.pass(3599)
    expect(seen).toHaveLength(1)
    clock.pass(2)
    expect(seen.at(-1)).toBe('close 1008')
    context.stop()
  })

  it('the end that the hook has named stays in force until it has named another', async () => {
    const clock = stopClocks()
    const { tokens, answer } = slowTokens()
    const verdicts: ((verdict: Verdict) => void)[] = []
    let quick = true
    const authorize = (): Verdict | Promise<Verdict> =>
      quick ? { expires: Date.now() + 60_000 } : new Promise((resolve) => verdicts.push(resolve))
    const context = createContext({ joinTimeout: 0 }, {}, { tokens, authorize })
    const { seen, receive } = connect(context, '/pluresdb')
    await turn()
    clock.pass(58)
    quick = false
    receive({ type: 'auth', token: 'fresh' })
    await answer(passUntil(Date.now() + HOUR))
    expect(verdicts).toHaveLength(1)
    clock.pass(3)
    expect(seen).toEqual(['close 1008'])
    context.stop()
  })
})

it('a new token is acknowledged once all is decided, with the end that counts (10.29)', async () => {
  const verdicts: ((verdict: Verdict) => void)[] = []
  let quick = true
  const expires = Date.now() + HOUR
  const tokens = { identify: async () => passUntil(expires), check: async () => passUntil(expires) }
  const authorize = (): Verdict | Promise<Verdict> => quick || new Promise((resolve) => verdicts.push(resolve))
  const context = createContext({}, {}, { tokens, authorize })
  const { session, seen, receive } = connect(context, '/y-webrtc')
  await turn()
  receive({ type: 'subscribe', topics: ['a', 'b'] })
  await turn()
  quick = false
  receive({ type: 'auth', token: 'fresh' })
  await turn()
  verdicts.shift()?.(true)
  await turn()
  const [a, b] = verdicts
  a?.({ publish: false })
  await turn()
  expect(seen).toEqual([])
  b?.({ expires: expires - 1000 })
  await turn()
  expect(seen).toEqual([`{"type":"auth","expires":${expires - 1000}}`])
  expect(session.members.map(({ mayPublish }) => mayPublish)).toEqual([false, true])
  session.end(1000)
  context.stop()
})

describe('a hook that never answers (10.30)', () => {
  it.each([
    ['a second topic', { type: 'subscribe', topics: ['b'] }],
    ['a message to a topic that it is not in', { type: 'publish', topic: 'b' }],
    ['a new token', { type: 'auth', token: 'fresh' }],
  ])('ends a connection that asks for %s', async (_what, message) => {
    const clock = stopClocks()
    const failures: unknown[] = []
    const tokens = {
      identify: async () => passUntil(Date.now() + HOUR),
      check: async () => passUntil(Date.now() + HOUR),
    }
    let deaf = false
    const authorize = (): Verdict | Promise<Verdict> => !deaf || new Promise(() => {})
    const context = createContext({}, { failed: (error) => failures.push(error) }, { tokens, authorize })
    const { seen, receive } = connect(context, '/y-webrtc')
    await turn()
    receive({ type: 'subscribe', topics: ['a'] })
    deaf = true
    receive(message)
    await turn()
    clock.pass(19)
    await turn()
    expect(seen).toEqual([])
    clock.pass(2)
    await turn()
    expect(seen).toEqual(['close 1011'])
    expect(String(failures)).toBe('Error: The authorize hook has not answered within 20000 ms')
    context.stop()
  })
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
  const context = createContext({ joinTimeout: 0 }, {}, { tokens })
  const { seen, receive } = connect(context, '/pluresdb')
  await turn()
  for (let i = 0; i < 10; i++) receive({ type: 'auth', token: 'sesame' })
  await turn()
  expect(seen.at(-1)).toBe('close 1008')
  expect(checks).toBeLessThanOrEqual(3)
  context.stop()
})

it('more new tokens than anybody needs slow down who brings them', async () => {
  const hit: string[] = []
  const tokens = { identify: async () => passUntil(Date.now() + HOUR), check: async () => passUntil(Date.now() + HOUR) }
  const context = createContext({}, { limited: (limit) => hit.push(limit) }, { tokens })
  const { session, receive } = connect(context, '/pluresdb')
  await turn()
  for (let i = 0; i < 10; i++) receive({ type: 'auth', token: 'fresh' })
  for (let i = 0; i < 10; i++) await turn()
  expect(hit).toEqual([])
  receive({ type: 'auth', token: 'fresh' })
  expect(hit).toEqual(['throttle'])
  session.end(1000)
  context.stop()
})
