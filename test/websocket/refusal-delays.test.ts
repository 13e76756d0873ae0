import { once } from 'node:events'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import { closes } from '../../src/core/close-reasons.js'
import type { RelayOptions } from '../../src/index.js'
import { RefusalDelays, type RefusedConnection } from '../../src/websocket/refusal-delays.js'
import { frame, Op, RawClient, upgradeRequest } from '../support/raw.js'
import { startRelay } from '../support/relay.js'

/** A refused client of one address, and when it was told. */
class FakeRefused implements RefusedConnection {
  age = 0
  readonly network: string
  parted: number | undefined

  constructor(network = '192.0.2.1') {
    this.network = network
  }

  closeNow(): void {
    this.parted = performance.now()
  }
}

function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
}

/**
 * Comes back as lib0's WebSocket client does, which y-webrtc uses: its back-off grows with connections that
 * did not open, and one that opened resets it.
 */
function comeBack(url: string, closed: (lastedFor: number) => boolean): void {
  let failures = 0
  const setUp = (): void => {
    // From before the relay's delay begins: on a busy machine the client hears late that it is open.
    const started = performance.now()
    let opened = false
    const socket = new WebSocket(url, { origin: 'https://elsewhere.example' })
    socket.on('error', () => {})
    socket.on('open', () => {
      opened = true
      failures = 0
      socket.send('{"type":"subscribe","topics":["doc"]}')
    })
    socket.on('close', () => {
      if (!opened) failures++
      const again = closed(opened ? performance.now() - started : 0)
      if (again) setTimeout(setUp, Math.min(Math.log10(failures + 1) * 1200, 2500))
    })
  }
  setUp()
}

describe('a client that comes back as soon as it is closed (10.17)', () => {
  const DELAY = 150
  const ways: Record<string, [path: string, options: RelayOptions]> = {
    'for its origin': ['/y-webrtc', { allowedOrigins: ['https://app.example'] }],
    'for its token': ['/y-webrtc', { jwtSecret: 'x'.repeat(32) }],
    'by the hook': ['/y-webrtc', { authorize: () => false }],
    'by a hook that fails': [
      '/y-webrtc',
      {
        authorize: () => {
          throw new Error('no database')
        },
      },
    ],
    'in its room': ['/y-webrtc', { authorize: ({ verb }) => verb === 'connect' }],
    'for a bad room': ['/room/bad%20room', {}],
    'for a bad path': ['/elsewhere', { dialects: ['y-webrtc'] }],
    'for a room too long': [`/raw/${'x'.repeat(300)}`, {}],
  }

  it.each(Object.keys(ways))('and is refused %s, waits for each close', async (way) => {
    const [path, options] = ways[way] ?? ['', {}]
    const { url } = await startRelay({ ...options, refusalDelay: DELAY })
    const stays: number[] = []
    await new Promise<void>((resolve) => {
      comeBack(url + path, (stay) => {
        if (stays.push(stay) < 4) return true
        resolve()
        return false
      })
    })
    for (const stay of stays) expect(stay).toBeGreaterThan(DELAY - 1)
  })

  it('and sends what is too big again and again, waits from the eleventh time on', async () => {
    const { url } = await startRelay({ maxMessageBytes: 10, refusalDelay: DELAY })
    const stays: number[] = []
    await new Promise<void>((resolve) => {
      comeBack(`${url}/y-webrtc`, (stay) => {
        if (stays.push(stay) < 12) return true
        resolve()
        return false
      })
    })
    for (const stay of stays.slice(10)) expect(stay).toBeGreaterThan(DELAY - 1)
  })

  it('and finds the room full, waits too', async () => {
    const { url, open } = await startRelay({ maxRoomMembers: 1, refusalDelay: DELAY })
    const first = await open('/room/doc')
    await first.json()
    const stay = await new Promise<number>((resolve) => {
      comeBack(`${url}/room/doc`, (time) => {
        resolve(time)
        return false
      })
    })
    expect(stay).toBeGreaterThan(DELAY - 1)
  })
})

describe('a connection that waits to be closed (10.17)', () => {
  it('is out of its room at once, hears nothing, is not read, and is told why', async () => {
    const relay = await startRelay({ maxMessageBytes: 100, refusalDelay: 300 })
    const other = await relay.open('/room/doc')
    await other.json()
    const tooBig = `{"type":"x","text":"${'x'.repeat(100)}"}`
    for (let i = 0; i < 10; i++) {
      const fault = await relay.open('/raw/doc')
      expect(await fault.send(tooBig).closed()).toMatchObject({ code: 1009 })
    }
    const refused = await RawClient.open(relay, '/room/doc')
    expect(await refused.json()).toMatchObject({ type: 'connected' })
    refused.write(frame(Op.text, tooBig))
    expect(await other.json()).toMatchObject({ type: 'user-joined' })
    expect(await other.json()).toMatchObject({ type: 'user-left' })
    other.send({ type: 'secret' })
    refused.write(frame(Op.ping, 'anybody there?'))
    await other.settled()
    // The very next frame.
    expect(await refused.frame()).toMatchObject({ opcode: Op.close })
    await refused.ended()
  })

  it('counts as a connection until it is gone', async () => {
    const { url, open } = await startRelay({ maxConnections: 1, refusalDelay: 600_000, authorize: () => false })
    await open('/room/doc')
    const socket = new WebSocket(`${url}/room/doc`)
    socket.on('error', () => {})
    const [request, response] = await once(socket, 'unexpected-response')
    request.destroy()
    expect(response.statusCode).toBe(503)
  })

  it('does not hold up the stop of the relay, and is told its own reason', async () => {
    const { open, relay } = await startRelay({ refusalDelay: 600_000, authorize: () => false })
    const refused = await open('/room/doc')
    const stopped = relay.close({ drain: 0 })
    expect(await refused.closed()).toEqual({ code: 1008, reason: 'Not allowed' })
    await stopped
  })

  it('leaves nothing when its client goes before', async () => {
    const relay = await startRelay({ refusalDelay: 100, maxConnections: 1, authorize: () => false })
    const client = await RawClient.open(relay, '/room/doc')
    client.socket.destroy()
    // Its going is seen when it is read again, to be told.
    for (let status: number | undefined = 503; status === 503; ) {
      const next = await RawClient.connect(relay)
      status = (await next.write(upgradeRequest('/room/doc')).head())?.status
      next.socket.destroy()
    }
  })
})

describe('closes for refusals (10.17)', () => {
  it('wait a second each at first, and longer the more there are of the same address', () => {
    fakeTime()
    const refusals = new RefusalDelays(1000)
    const waits: number[] = []
    for (let i = 0; i < 40; i++) {
      const refused = new FakeRefused()
      const start = performance.now()
      expect(refusals.delay(refused, closes.originNotAllowed)).toBe(true)
      while (refused.parted === undefined) vi.advanceTimersByTime(10)
      waits.push(Math.round((refused.parted - start) / 1000))
    }
    expect(waits.slice(0, 10)).toEqual(Array(10).fill(1))
    expect(waits.slice(10, 20)).toEqual(Array(10).fill(2))
    expect(waits.at(-1)).toBeGreaterThanOrEqual(3)
    const other = new FakeRefused('192.0.2.2')
    refusals.delay(other, closes.originNotAllowed)
    vi.advanceTimersByTime(1010)
    expect(other.parted).toBeDefined()
  })

  it('do not wait for the first faults of an address, of which a developer wants to know', () => {
    fakeTime()
    const refusals = new RefusalDelays(1000)
    const { protocolError, notUtf8, tooBig } = closes
    for (let i = 0; i < 10; i++) {
      for (const [j, fault] of [protocolError, notUtf8, tooBig].entries()) {
        expect(refusals.delay(new FakeRefused(`192.0.2.${j}`), fault)).toBe(false)
      }
    }
    const spinning = new FakeRefused('192.0.2.0')
    expect(refusals.delay(spinning, protocolError)).toBe(true)
    vi.advanceTimersByTime(1990)
    expect(spinning.parted).toBeUndefined()
    vi.advanceTimersByTime(20)
    expect(spinning.parted).toBeDefined()
  })

  it('never wait longer than ten times that, and are forgotten after two minutes', () => {
    fakeTime()
    const refusals = new RefusalDelays(1000)
    const many = Array.from({ length: 900 }, () => new FakeRefused())
    for (const each of many) refusals.delay(each, closes.invalidToken)
    vi.advanceTimersByTime(10_010)
    expect(many.every(({ parted }) => parted !== undefined)).toBe(true)
    vi.advanceTimersByTime(120_000)
    expect(refusals.measure()).toEqual({ waiting: 0, addresses: 0 })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that wait are bounded: the oldest waits no longer', () => {
    fakeTime()
    const refusals = new RefusalDelays(1000)
    const many = Array.from({ length: 1500 }, (_, i) => new FakeRefused(`192.0.2.${i % 256}`))
    for (const each of many) refusals.delay(each, closes.invalidToken)
    expect(refusals.measure().waiting).toBe(1000)
    expect(many.slice(0, 500).every(({ parted }) => parted !== undefined)).toBe(true)
  })

  it('do not wait where a connection was open for longer already, or was refused nothing', () => {
    fakeTime()
    const refusals = new RefusalDelays(1000)
    const old = new FakeRefused()
    old.age = 1000
    expect(refusals.delay(old, closes.invalidToken)).toBe(false)
    const { roomExpired, shutdown, isolated, tooSlow, roomClosed, disconnected } = closes
    for (const reason of [roomExpired, shutdown, isolated, tooSlow, roomClosed, disconnected]) {
      expect(refusals.delay(new FakeRefused(), reason)).toBe(false)
    }
    expect(new RefusalDelays(0).delay(new FakeRefused(), closes.invalidToken)).toBe(false)
  })
})
