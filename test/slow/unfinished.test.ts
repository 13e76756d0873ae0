import { describe, expect, it } from 'vitest'
import { frame, Op, RawClient } from '../support/raw.js'
import { limitsHit, startRelay } from '../support/relay.js'

describe('a message that has begun, and does not go on (10.21)', () => {
  const ways: Record<string, Buffer> = {
    'half a header': frame(Op.binary, '', { length: 2 ** 20 }).subarray(0, 3),
    'a header that announces 1 MiB': frame(Op.binary, '', { length: 2 ** 20 }),
    'half of a frame': frame(Op.binary, Buffer.alloc(1000), { length: 2 ** 20 }),
    'a fragment': frame(Op.binary, Buffer.alloc(1000), { fin: false }),
    'half of a ping': frame(Op.ping, '', { length: 100 }),
  }

  it.concurrent.each(Object.keys(ways))('is closed for, when all that came is %s', async (way) => {
    const relay = await startRelay({ heartbeatInterval: 0 })
    const hit = limitsHit(relay.relay)
    const client = await RawClient.open(relay)
    client.write(ways[way] ?? '')
    expect(await client.close()).toEqual({ code: 1008, reason: 'Message not finished in time' })
    expect(hit).toEqual(['unfinished'])
  })

  it.concurrent('is closed for although pings come between', async () => {
    const relay = await startRelay({ heartbeatInterval: 0 })
    const client = await RawClient.open(relay)
    client.write(frame(Op.binary, 'x', { fin: false }))
    const pings = setInterval(() => client.write(frame(Op.ping, Buffer.alloc(125))), 100)
    try {
      expect(await client.close()).toEqual({ code: 1008, reason: 'Message not finished in time' })
    } finally {
      clearInterval(pings)
    }
  })

  it.concurrent('is not closed for while it comes at 2 KiB a second', async () => {
    const relay = await startRelay()
    const reader = await relay.open('/raw/doc')
    const client = await RawClient.open(relay, '/raw/doc')
    const payload = Buffer.alloc(100 * 1024, 'x')
    const bytes = frame(Op.binary, payload)
    for (let at = 0; at < bytes.length; at += 2048) {
      client.write(bytes.subarray(at, at + 2048))
      // A slow line in real time, over which the systems and the relay are asked to be patient.
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
    expect(await reader.next()).toEqual({ binary: payload })
  })
})
