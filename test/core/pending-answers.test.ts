import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Authorize, AuthorizeRequest } from '../../src/index.js'
import { attachRelay } from '../support/attached.js'
import { stopClocks } from '../support/clock.js'
import { closing, frame, Op, RawClient, until } from '../support/raw.js'
import { startRelay } from '../support/relay.js'
import { SECRET, tokenFor } from '../support/tokens.js'

/** A hook whose answers the test gives. */
function slowHook(verb: AuthorizeRequest['verb']): { authorize: Authorize; answer: () => void } {
  const waiting: (() => void)[] = []
  return {
    authorize: async (request) => {
      if (request.verb === verb) await new Promise<void>((resolve) => waiting.push(resolve))
      return true
    },
    answer: () => {
      for (const resolve of waiting.splice(0)) resolve()
    },
  }
}

const join = frame(Op.text, '{"type":"join","topic":"doc","peerId":"a"}')

function data(count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => frame(Op.text, `{"type":"data","data":${n}}`))
}

describe('what comes behind a pending answer (10.28)', () => {
  it('is slowed down as everything else', async () => {
    const { pass } = stopClocks()
    const relay = await startRelay({ throttle: 10, authorize: async () => true })
    const reader = await relay.open('/pluresdb')
    reader.send({ type: 'join', topic: 'doc', peerId: 'b' })
    await reader.settled()
    const sender = await RawClient.open(relay, '/pluresdb')
    const slowed = once(relay.relay, 'limit')
    sender.write(Buffer.concat([join, ...data(40)]))
    expect(await slowed).toMatchObject([{ limit: 'throttle' }])
    const heard = (await reader.settled()).length
    // The notice that it is there, and what its second still has room for.
    expect(heard).toBeLessThanOrEqual(1 + 10)
    for (let n = heard - 1; n < 40; n++) {
      // No more before the next second.
      if ((n - heard + 1) % 10 === 0) {
        expect(await reader.settled()).toEqual([])
        pass(1)
      }
      expect(await reader.json()).toMatchObject({ type: 'data', data: n })
    }
  })

  it('lets others have their turn as everything else', async () => {
    const hook = slowHook('join')
    const { relay, port, sockets } = await attachRelay({ throttle: 0, authorize: hook.authorize })
    const client = await RawClient.open({ port }, '/pluresdb')
    client.write(Buffer.concat([join, ...data(1000)]))
    await until(() => sockets[0]?.isPaused() === true)
    hook.answer()
    let turns = 0
    while (relay.stats().messagesReceived < 1001) {
      await new Promise((resolve) => setImmediate(resolve))
      if (sockets[0]?.isPaused()) turns++
    }
    expect(turns).toBeGreaterThanOrEqual(3)
  })

  it('is not read: pings are answered behind it, in order, and a goodbye ends it then', async () => {
    const hook = slowHook('join')
    const relay = await startRelay({ authorize: hook.authorize })
    const client = await RawClient.open(relay, '/pluresdb')
    client.write(Buffer.concat([join, frame(Op.ping, 'p'), frame(Op.text, 'bad'), frame(Op.close, closing(1000))]))
    await until(() => relay.relay.stats().messagesReceived === 1)
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(relay.relay.stats()).toMatchObject({ messagesReceived: 1, currentConnections: 1 })
    hook.answer()
    expect(await client.frame()).toMatchObject({ opcode: Op.pong })
    expect(await client.json()).toMatchObject({ type: 'error' })
    expect(await client.close()).toMatchObject({ code: 1000 })
  })

  it('does not outlive a deadline, which ends it although it is not read', async () => {
    const hook = slowHook('join')
    const relay = await startRelay({ authorize: hook.authorize, joinTimeout: 200 })
    const client = await RawClient.open(relay, '/pluresdb')
    client.write(Buffer.concat([join, ...data(100)]))
    expect(await client.close()).toEqual({ code: 1008, reason: 'No room joined in time' })
    client.write(frame(Op.close, closing(1008))).socket.end()
    await client.gone()
  })

  it('does not have the heartbeat take it for dead', async () => {
    const hook = slowHook('join')
    const relay = await startRelay({ authorize: hook.authorize, heartbeatInterval: 50 })
    const client = await RawClient.open(relay, '/pluresdb')
    client.write(Buffer.concat([join, ...data(3)]))
    for (let pings = 0; pings < 3; ) if ((await client.frame())?.opcode === Op.ping) pings++
    hook.answer()
    await client.write(frame(Op.pong)).answers()
  })
})

describe('messages behind a new token (10.31)', () => {
  it('stay bytes of one read until it is decided, however many they are', async () => {
    let decide: (() => void) | undefined
    const relay = await startRelay({
      throttle: 0,
      jwtSecret: SECRET,
      // It takes its time with the new token alone, for which it is asked again.
      authorize: async ({ verb, user }) => {
        if (verb === 'connect' && seen++ > 0) await new Promise<void>((resolve) => (decide = resolve))
        return user === 'ann'
      },
    })
    let seen = 0
    const token = await tokenFor({ sub: 'ann' })
    const client = await RawClient.open(relay, `/pluresdb?token=${token}`)
    const many = Array.from({ length: 9000 }, () => frame(Op.binary, 'x'))
    client.write(Buffer.concat([frame(Op.text, JSON.stringify({ type: 'auth', token })), ...many, frame(Op.ping, 'p')]))
    await until(() => decide !== undefined)
    let answered = false
    client.socket.on('data', () => {
      answered = true
    })
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
    // A ping behind them would be answered if they had been taken apart.
    expect({ answered, messages: relay.relay.stats().messagesReceived }).toEqual({ answered: false, messages: 1 })
    decide?.()
    await until(() => relay.relay.stats().messagesReceived === 9001)
  })
})
