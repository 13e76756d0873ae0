import { describe, expect, it } from 'vitest'
import { frame, Op, RawClient } from '../support/raw.js'
import { startRelay } from '../support/relay.js'

/** The whole process stands still, as it does when the machine is busy with something else. */
function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

const tick = frame(Op.text, '{"type":"tick"}')

describe('a sender that keeps to the rate, when the relay is late (10.19)', () => {
  it('loses nothing of what waited for the relay to stand still no longer', async () => {
    const relay = await startRelay({ rateLimit: 20 })
    const reader = await relay.open('/room/doc')
    const sender = await RawClient.open(relay, '/room/doc')
    await sender.json()
    await reader.settled()
    // In two seconds it may say 40.
    sender.write(Buffer.concat(Array.from({ length: 30 }, () => tick)))
    standStill(2000)
    for (let i = 0; i < 30; i++) expect(await reader.json()).toMatchObject({ type: 'tick' })
    expect(relay.relay.stats().rateLimitsHit).toBe(0)
  })

  it('loses nothing of what waited while it was not read itself', async () => {
    const relay = await startRelay({ rateLimit: 20, byteRate: 10_000 })
    const reader = await relay.open('/room/doc')
    const sender = await RawClient.open(relay, '/room/doc')
    await sender.json()
    await reader.settled()
    const big = frame(Op.text, `{"type":"big","text":"${'x'.repeat(29_000)}"}`)
    // Not read for two seconds, in which it says 30.
    sender.write(Buffer.concat([big, ...Array.from({ length: 30 }, () => tick)]))
    expect(await reader.json()).toMatchObject({ type: 'big' })
    for (let i = 0; i < 30; i++) expect(await reader.json()).toMatchObject({ type: 'tick' })
    expect(relay.relay.stats().rateLimitsHit).toBe(0)
  })

  it('may not send at once what it could have sent in the time it was silent', async () => {
    const relay = await startRelay({ rateLimit: 20, rateLimitWindow: '1m' })
    const sender = await RawClient.open(relay, '/room/doc')
    await sender.json()
    standStill(600)
    await sender.answers()
    sender.write(Buffer.concat(Array.from({ length: 23 }, () => tick)))
    for (let i = 0; i < 3; i++) expect(await sender.json()).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED' })
    await sender.answers()
    expect(relay.relay.stats().rateLimitsHit).toBe(3)
  })
})
