import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { attachRelay } from '../support/attached.js'
import { stopClocks } from '../support/clock.js'
import { closing, frame, Op, RawClient } from '../support/raw.js'
import { limitsHit, startRelay } from '../support/relay.js'

describe('a sender that is slowed down', () => {
  it('is not read any further, not even what has come with the message that was too many', async () => {
    const { pass } = stopClocks()
    const relay = await startRelay({ throttle: 10 })
    const reader = await relay.open('/raw/doc')
    const sender = await RawClient.open(relay, '/raw/doc')
    const hit = limitsHit(relay.relay)
    let slowed = once(relay.relay, 'limit')
    sender.write(Buffer.concat(Array.from({ length: 25 }, (_, i) => frame(Op.text, String(i)))))
    await slowed
    // Its place in the room has cost a tenth of a message (core/work-cost.ts).
    expect(await reader.settled()).toHaveLength(10)
    slowed = once(relay.relay, 'limit')
    pass(1)
    await slowed
    expect(await reader.settled()).toHaveLength(10)
    pass(1)
    for (let i = 20; i < 25; i++) expect(await reader.next()).toEqual({ text: String(i) })
    expect(hit).toEqual(['throttle', 'throttle'])
  })

  it('is slowed down by its pings as well', async () => {
    const { pass } = stopClocks()
    const relay = await startRelay({ throttle: 10 })
    const witness = await relay.open('/raw/doc')
    const sender = await RawClient.open(relay, '/raw/doc')
    const pongs: (string | undefined)[] = []
    const read = async (): Promise<void> => {
      while (pongs.length < 25) pongs.push((await sender.frame())?.payload.toString())
    }
    let slowed = once(relay.relay, 'limit')
    sender.write(Buffer.concat(Array.from({ length: 25 }, (_, i) => frame(Op.ping, String(i)))))
    const all = read()
    // Ten a second are fine; the one behind them is answered as well, before the pause.
    for (const answered of [11, 21]) {
      await slowed
      await witness.settled()
      expect(pongs).toHaveLength(answered)
      slowed = once(relay.relay, 'limit')
      pass(1)
    }
    await all
    expect(pongs).toEqual(Array.from({ length: 25 }, (_, i) => String(i)))
  })

  it('can still say goodbye, behind what waits', async () => {
    const relay = await startRelay({ throttle: 10 })
    const sender = await RawClient.open(relay, '/raw/doc')
    const slowed = once(relay.relay, 'limit')
    sender.write(Buffer.concat(Array.from({ length: 15 }, () => frame(Op.text, 'x'))), frame(Op.close, closing(1000)))
    await slowed
    const stopped = relay.relay.close({ drain: 0 })
    expect(await sender.close()).toEqual({ code: 1001, reason: 'Server shutting down' })
    sender.socket.end()
    await stopped
  })
})

describe('what comes in one read of the socket', () => {
  it('is answered in a few writes, in order, and ahead of a close', async () => {
    const { port, sockets, relay } = await attachRelay({ rateLimit: 1 })
    const client = await RawClient.open({ port }, '/room/doc')
    expect(await client.json()).toMatchObject({ type: 'connected' })
    const write = vi.spyOn(sockets[0] ?? ({} as Socket), 'write')
    client.write(Buffer.concat(Array.from({ length: 20 }, () => frame(Op.text, '{"type":"x"}'))))
    for (let i = 0; i < 10; i++) expect(await client.json()).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' })
    expect(await client.close()).toEqual({ code: 1008, reason: 'Too many messages over the rate limit' })
    expect(write).toHaveBeenCalledTimes(2)
    expect(relay.stats().rateLimitsHit).toBe(11)
  })

  it.each([
    ['messages', Op.text],
    ['pings', Op.ping],
    ['pongs', Op.pong],
  ])('has others waiting for a part of it alone: %s', async (_name, opcode) => {
    const { port, sockets } = await attachRelay({ throttle: 0 })
    const client = await RawClient.open({ port }, '/raw/doc')
    // Whoever has a turn between two parts finds the socket paused, with the rest in memory.
    let turns = 0
    let over = false
    const watch = (): void => {
      if (sockets[0]?.isPaused()) turns++
      if (!over) setImmediate(watch)
    }
    watch()
    client.write(Buffer.concat(Array.from({ length: 4000 }, () => frame(opcode, 'x'))))
    await client.answers()
    over = true
    expect(turns).toBeGreaterThanOrEqual(4000 / 256 - 1)
  })

  it('may be pongs as many as messages, and no more', async () => {
    const { port, relay } = await attachRelay({ throttle: 10 })
    const hit = limitsHit(relay)
    const client = await RawClient.open({ port }, '/raw/doc')
    client.write(Buffer.concat(Array.from({ length: 15 }, () => frame(Op.pong))))
    await client.answers()
    expect(hit).toEqual(['throttle'])
  })
})

describe('a client that floods on after it was closed', () => {
  it('is not read any more, and soon cut off', async () => {
    const { port, sockets } = await attachRelay({ rateLimit: 1 })
    const client = await RawClient.open({ port }, '/room/doc')
    const messages = frame(Op.text, '{"type":"x"}').toString('latin1').repeat(1_000_000)
    client.socket.write(messages, 'latin1')
    expect(await client.close()).toMatchObject({ code: 1008 })
    await client.gone()
    expect(sockets[0]?.bytesRead).toBeLessThan(512 * 1024)
  })
})
