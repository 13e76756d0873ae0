import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { UnfinishedMessages, type UnfinishedSource } from '../../src/websocket/unfinished-messages.js'
import { frame, Op, RawClient, until } from '../support/raw.js'
import { limitsHit, startRelay } from '../support/relay.js'

const KIB = 1024
const MIB = 1024 * KIB

class FakeSource implements UnfinishedSource {
  stopped = false
  readonly client: string
  given: string | undefined

  constructor(client = '') {
    this.client = client
  }

  giveUp(why: 'slow' | 'total'): void {
    this.given = why
  }
}

/** Resolves when the kernel has taken the bytes. */
async function written({ socket }: RawClient, bytes: Buffer): Promise<void> {
  await new Promise((resolve) => socket.write(bytes, resolve))
}

function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
}

describe('a message that has begun (10.21)', () => {
  it('is given up when nothing more comes for half a minute', () => {
    fakeTime()
    const messages = new UnfinishedMessages(0)
    const silent = new FakeSource()
    messages.set(silent, 14, true)
    vi.advanceTimersByTime(29_000)
    expect(silent.given).toBeUndefined()
    vi.advanceTimersByTime(6000)
    expect(silent.given).toBe('slow')
    expect(messages.measure()).toEqual({ bytes: 0, messages: 0 })
  })

  it('may take as long as 1 MiB takes over a slow link, with gaps', () => {
    fakeTime()
    const messages = new UnfinishedMessages(0)
    const slow = new FakeSource()
    for (let second = 0, bytes = 0; bytes < MIB; second++) {
      // 20 seconds of each minute its link is dead.
      if (second % 60 < 40) bytes += 2 * KIB
      messages.set(slow, bytes, second === 0)
      vi.advanceTimersByTime(1000)
    }
    messages.delete(slow)
    expect(slow.given).toBeUndefined()
  })

  it('is not kept alive by a byte now and then', () => {
    fakeTime()
    const messages = new UnfinishedMessages(0)
    const trickle = new FakeSource()
    for (let second = 0; second < 60 && trickle.given === undefined; second++) {
      messages.set(trickle, second, second === 0)
      vi.advanceTimersByTime(1000)
    }
    expect(trickle.given).toBe('slow')
  })

  it('is not late while the relay itself does not read', () => {
    fakeTime()
    const messages = new UnfinishedMessages(0)
    const slowedDown = new FakeSource()
    slowedDown.stopped = true
    messages.set(slowedDown, 100, true)
    vi.advanceTimersByTime(600_000)
    expect(slowedDown.given).toBeUndefined()
  })

  it('is no longer late when it is another one', () => {
    fakeTime()
    const messages = new UnfinishedMessages(0)
    const busy = new FakeSource()
    for (let second = 0; second < 120; second++) {
      messages.set(busy, 14, true)
      vi.advanceTimersByTime(1000)
    }
    expect(busy.given).toBeUndefined()
  })

  it('leaves no timer when none is left', () => {
    fakeTime()
    const messages = new UnfinishedMessages(0)
    const source = new FakeSource()
    messages.set(source, 1, true)
    messages.delete(source)
    vi.advanceTimersByTime(10_000)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('all messages that have come in part (10.21)', () => {
  it('share one budget: who has been slow for longest goes first, then who has sent nothing for longest', () => {
    fakeTime()
    const messages = new UnfinishedMessages(10 * MIB)
    const [first, slowest, second, last] = Array.from({ length: 4 }, () => new FakeSource()) as [
      FakeSource,
      FakeSource,
      FakeSource,
      FakeSource,
    ]
    messages.set(first, 1 * MIB, true)
    messages.set(slowest, 3 * MIB, true)
    messages.set(second, 3 * MIB, true)
    vi.advanceTimersByTime(5000)
    // All have grown but one.
    messages.set(first, 2 * MIB, false)
    messages.set(second, 4 * MIB, false)
    vi.advanceTimersByTime(5000)
    messages.set(first, 3 * MIB, false)
    messages.set(second, 4 * MIB + 6 * KIB, false)
    vi.advanceTimersByTime(5000)
    expect([first, slowest, second].map(({ given }) => given)).toEqual([undefined, 'total', undefined])
    messages.set(last, 4 * MIB, true)
    expect([first, second, last].map(({ given }) => given)).toEqual(['total', undefined, undefined])
  })

  it('of one client go before those of others that have less, however new they are', () => {
    const messages = new UnfinishedMessages(10 * MIB)
    const honest = new FakeSource('192.0.2.1')
    messages.set(honest, 900 * KIB, true)
    const hoarders = Array.from({ length: 20 }, () => new FakeSource('192.0.2.2'))
    for (const hoarder of hoarders) messages.set(hoarder, MIB, true)
    // A byte each now and then, to seem busy.
    for (const hoarder of hoarders) if (!hoarder.given) messages.set(hoarder, MIB + 1, false)
    expect(honest.given).toBeUndefined()
    expect(hoarders[0]?.given).toBe('total')
    expect(messages.measure().bytes).toBeLessThanOrEqual(10 * MIB)
  })

  it('stay if they go on, though hoarders come later from many addresses', () => {
    const messages = new UnfinishedMessages(10 * MIB)
    const honest = new FakeSource('192.0.2.1')
    for (let i = 0; i < 20; i++) {
      messages.set(honest, (500 + 20 * i) * KIB, i === 0)
      messages.set(new FakeSource(`198.51.100.${i}`), 900 * KIB, true)
    }
    expect(honest.given).toBeUndefined()
  })

  it('are not given up where next to nothing is kept of them', () => {
    const messages = new UnfinishedMessages(MIB)
    const begun = Array.from({ length: 100 }, () => new FakeSource())
    for (const source of begun) messages.set(source, 100, true)
    const hoarders = [new FakeSource(), new FakeSource()]
    for (const hoarder of hoarders) messages.set(hoarder, 600 * KIB, true)
    expect(begun.every(({ given }) => given === undefined)).toBe(true)
    expect(hoarders.map(({ given }) => given)).toEqual(['total', undefined])
  })

  it('over real sockets: those that stand still are closed, and one that is being sent comes whole', async () => {
    const [message, total] = [64 * KIB, 256 * KIB]
    const relay = await startRelay({
      maxMessageBytes: message,
      maxBufferedBytes: total,
      maxTotalBufferedBytes: total,
    })
    const hit = limitsHit(relay.relay)
    const hoard = frame(Op.binary, Buffer.alloc(message)).subarray(0, 56 * KIB)
    const attackers: RawClient[] = []
    for (let i = 0; i < 4; i++) attackers.push(await RawClient.open(relay, `/raw/x${i}`))
    for (const attacker of attackers) await written(attacker, hoard)
    const reader = await relay.open('/raw/doc')
    const honest = await RawClient.open(relay, '/raw/doc')
    const whole = frame(Op.binary, Buffer.alloc(message, 'x'))
    honest.write(whole.subarray(0, 40 * KIB))
    const [first] = attackers
    expect(await first?.close()).toEqual({ code: 1013, reason: 'Too many unfinished messages' })
    expect(hit).toContain('total-unfinished')
    honest.write(whole.subarray(40 * KIB))
    expect(await reader.next()).toEqual({ binary: Buffer.alloc(message, 'x') })
  })

  it('are forgotten with their connections', async () => {
    const relay = await startRelay({ maxMessageBytes: 256 * KIB, maxTotalBufferedBytes: 256 * KIB })
    const hit = limitsHit(relay.relay)
    const hoard = frame(Op.binary, Buffer.alloc(64 * KIB)).subarray(0, 60 * KIB)
    for (let i = 0; i < 10; i++) {
      const client = await RawClient.open(relay)
      await written(client, hoard)
      client.socket.destroy()
      await until(() => relay.relay.stats().currentConnections === 0)
    }
    expect(hit).toEqual([])
  })
})
