import { describe, expect, it } from 'vitest'
import { startRelay } from '../support/relay.js'

describe('the choice of a dialect', () => {
  it('is up to the first message at /', async () => {
    const { open } = await startRelay()
    const [peer, subscriber] = [await open('/'), await open('/')]
    peer.send({ type: 'join', topic: 'x', peerId: 'p' })
    subscriber.send({ type: 'subscribe', topics: ['x'] })
    subscriber.send({ type: 'publish', topic: 'x' })
    expect(await subscriber.json()).toEqual({ type: 'publish', topic: 'x', clients: 1 })
    expect(await peer.settled()).toEqual([])
  })

  it('stays open when the first message belongs to none', async () => {
    const { open } = await startRelay()
    const client = await open('/')
    client.send('nonsense')
    expect(await client.json()).toEqual({ type: 'error', payload: 'Invalid message: not JSON' })
    client.send({ type: 'data', data: 1 })
    expect(await client.json()).toEqual({ type: 'error', payload: 'Join a topic before sending data' })
    client.send({ type: 'ping' })
    expect(await client.json()).toEqual({ type: 'pong' })
  })

  it('keeps rooms of the same name in different dialects apart', async () => {
    const { open, relay } = await startRelay()
    const writer = await open('/room/x')
    const [peer, subscriber, raw] = [await open('/pluresdb'), await open('/y-webrtc'), await open('/raw/x')]
    peer.send({ type: 'join', topic: 'x' })
    subscriber.send({ type: 'subscribe', topics: ['x'] })
    await writer.json()
    raw.send('{"type":"hello"}')
    for (const client of [writer, peer, subscriber, raw]) expect(await client.settled()).toEqual([])
    expect(relay.stats().currentRooms).toBe(4)
  })

  it('is narrowed by the dialects that are served', async () => {
    const { open } = await startRelay({ dialects: ['impossible-writer', 'pluresdb'] })
    const peer = await open('/')
    peer.send({ type: 'subscribe', topics: ['x'] })
    expect(await peer.json()).toEqual({ type: 'error', payload: 'Unknown message type' })
    const reason = 'Room ID required. Use /room/{roomId} or /?room={roomId}'
    expect(await (await open('/y-webrtc')).closed()).toEqual({ code: 1008, reason })
    expect(await (await open('/raw/x')).closed()).toEqual({ code: 1008, reason })
  })

  it('answers nonsense at / in the words of a dialect that is served', async () => {
    const { open } = await startRelay({ dialects: ['y-webrtc'] })
    const client = await open('/')
    client.send('nonsense')
    expect(await client.json()).toEqual({ type: 'error', message: 'Invalid message: not JSON' })
  })

  it('leaves / without a room to nobody when impossible-writer is alone', async () => {
    const { open } = await startRelay({ dialects: 'impossible-writer' })
    const reason = 'Room ID required. Use /room/{roomId} or /?room={roomId}'
    expect(await (await open('/')).closed()).toEqual({ code: 1008, reason })
  })

  it('closes a path that nobody serves with 1008', async () => {
    const { open } = await startRelay({ dialects: ['opaque'] })
    for (const path of ['/', '/room/x', '/?room=x', '/pluresdb']) {
      expect(await (await open(path)).closed()).toEqual({ code: 1008, reason: 'No such endpoint' })
    }
  })
})
