import { once } from 'node:events'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { closing, frame, Op, openSockets, RawClient, until } from '../support/raw.js'
import { startRelay } from '../support/relay.js'
import { LIMIT, withRaw } from '../support/with-raw.js'

const text = frame(Op.text, 'a good message')
const start = frame(Op.text, 'to be', { fin: false })

describe('a close frame', () => {
  it.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999])(
    'with code %d is answered with the same, and the relay hangs up',
    async (code) => {
      await withRaw(async (raw) => {
        const reason = 'r'.repeat(123)
        expect(await raw.write(frame(Op.close, closing(code, reason))).close()).toEqual({ code, reason })
        await raw.ended()
      })
    },
  )

  it('without a code is answered without one', async () => {
    await withRaw(async (raw) => {
      expect(await raw.write(frame(Op.close)).frame()).toEqual({ opcode: Op.close, payload: Buffer.alloc(0) })
      await raw.ended()
    })
  })

  it('amid fragments is answered, and the fragments are dropped', async () => {
    await withRaw(async (raw, listener) => {
      expect(await raw.write(start, frame(Op.close, closing(1000))).close()).toEqual({ code: 1000, reason: '' })
      await raw.ended()
      expect(await listener.settled()).toEqual([])
    })
  })

  it('ends what the client may send: what comes behind it is ignored', async () => {
    await withRaw(async (raw, listener) => {
      raw.write(Buffer.concat([text, frame(Op.close, closing(1000)), text, frame(Op.ping), frame(3)]))
      expect(await raw.close()).toEqual({ code: 1000, reason: '' })
      await raw.ended()
      raw.write(text, 'garbage', frame(Op.close))
      expect(await listener.settled()).toEqual([{ text: 'a good message' }])
    })
  })

  it('of the relay ends what the client may send, too', async () => {
    const relay = await startRelay({ maxRoomMembers: 1 })
    const member = await relay.open('/raw/full')
    const raw = await RawClient.open(relay, '/raw/full')
    expect(await raw.close()).toEqual({ code: 1013, reason: 'Room is full' })
    raw.write(text, frame(Op.ping), frame(Op.close, closing(1013)))
    await raw.ended()
    expect(await member.settled()).toEqual([])
  })

  it('of the relay leaves nothing to slow down: pings behind it are not even counted', async () => {
    const relay = await startRelay({ throttle: 10 })
    const raw = await RawClient.open(relay, '/nowhere')
    expect(await raw.close()).toMatchObject({ code: 1008 })
    const limits: unknown[] = []
    relay.relay.on('limit', (limit) => limits.push(limit))
    await raw.write(Buffer.concat(Array.from({ length: 100 }, () => frame(Op.ping))), frame(Op.close)).ended()
    expect(limits).toEqual([])
  })

  it('of the relay has its code even for a client that is far behind', async () => {
    const relay = await startRelay({ maxMessageBytes: '32MiB' })
    const raw = await RawClient.open(relay, '/y-webrtc')
    await raw.write(frame(Op.text, '{"type":"subscribe","topics":["t"]}')).answers()
    raw.socket.pause()
    // It hears its own publication, which is more than the systems between take.
    const text = 'x'.repeat(16 * 2 ** 20)
    raw.write(frame(Op.text, JSON.stringify({ type: 'publish', topic: 't', text })))
    await until(() => relay.relay.stats().bytesSent > text.length)
    const left = once(relay.relay, 'leave')
    raw.write(frame(3))
    await left
    expect(raw.socket.bytesRead).toBeLessThan(text.length)
    raw.socket.resume()
    expect(await raw.json()).toMatchObject({ text })
    expect(await raw.close()).toMatchObject({ code: 1002 })
  })

  it('of the relay that meets one of the client is sent once', async () => {
    const relay = await startRelay()
    const raw = await RawClient.open(relay, '/nowhere')
    raw.write(frame(Op.close, closing(4000, 'mine')))
    expect(await raw.close()).toMatchObject({ code: 1008 })
    await raw.ended()
  })

  it.each([
    ['of the relay', '/nowhere', ''],
    ['after a broken frame', '/raw/x', frame(3)],
    ['that answers its own', '/raw/x', frame(Op.close)],
  ])('%s that the client does not follow by hanging up is enforced after 10 seconds', async (_name, path, bytes) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const relay = await startRelay({ joinTimeout: 0, heartbeatInterval: 0 })
    const raw = await RawClient.open(relay, path)
    await raw.write(bytes).close()
    const witness = await RawClient.open(relay)
    const open = openSockets()
    vi.advanceTimersByTime(9_999)
    await witness.answers()
    expect(openSockets()).toBe(open)
    vi.advanceTimersByTime(1)
    await until(() => openSockets() < open)
  })
})

const endings: [name: string, end: (raw: RawClient) => void][] = [
  ['half closes the socket', (raw) => raw.socket.end()],
  ['half closes the socket amid a frame', (raw) => raw.write(text.subarray(0, 8)).socket.end()],
  ['half closes the socket amid fragments', (raw) => raw.write(start).socket.end()],
]

describe('a client that sends no close frame', () => {
  it.each(endings)('and %s is gone, with all that it sent relayed', async (_name, end) => {
    await withRaw(async (raw, listener) => {
      raw.write(text)
      end(raw)
      await raw.ended()
      expect(await listener.settled()).toEqual([{ text: 'a good message' }])
    })
  })

  it.each([
    ['', Buffer.alloc(0)],
    [' amid a frame', text.subarray(0, 8)],
    [' amid fragments', start],
  ])('and resets the connection%s is gone', async (_name, bytes) => {
    await withRaw(async (raw, listener) => {
      raw.write(text, bytes)
      expect(await listener.next()).toEqual({ text: 'a good message' })
      raw.socket.resetAndDestroy()
    })
  })

  it('and resets the connection while the relay writes to it is gone', async () => {
    await withRaw(async (raw, listener) => {
      raw.socket.pause()
      for (let i = 0; i < 1000; i++) listener.send('x'.repeat(LIMIT))
      raw.socket.resetAndDestroy()
      await listener.settled()
    })
  })
})
