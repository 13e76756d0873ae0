import { describe, expect, it } from 'vitest'
import { MemoryBus } from '../../src/cluster/memory-bus.js'
import { stopClocks } from '../support/clock.js'
import { nextLimit, startRelay } from '../support/relay.js'

describe('limits', () => {
  it('name the rate limit in force', async () => {
    const { open } = await startRelay({ rateLimit: 2, rateLimitWindow: '1m' })
    const ann = await open('/room/doc')
    await ann.json()
    for (let i = 0; i < 3; i++) ann.send({ type: 'tick' })
    expect(await ann.json()).toEqual({
      type: 'error',
      code: 'RATE_LIMIT_EXCEEDED',
      message: 'Rate limit exceeded (2 messages/60000 ms)',
    })
  })

  it('count bad messages against the rate as well', async () => {
    const { open, relay } = await startRelay({ rateLimit: 2, rateLimitWindow: '1m' })
    const ann = await open('/room/doc')
    await ann.json()
    for (let i = 0; i < 3; i++) ann.send('not json')
    expect([await ann.json(), await ann.json(), await ann.json()].map(({ code }) => code)).toEqual([
      'PARSE_ERROR',
      'PARSE_ERROR',
      'RATE_LIMIT_EXCEEDED',
    ])
    expect(relay.stats().rateLimitsHit).toBe(1)
  })

  it("close who keeps flooding after 10 windows' worth of refusals", async () => {
    const { open } = await startRelay({ rateLimit: 3, rateLimitWindow: '1m' })
    const ann = await open('/room/doc')
    await ann.json()
    for (let i = 0; i < 3 + 30; i++) ann.send({ type: 'tick' })
    const refusals = await ann.settled()
    expect(refusals).toHaveLength(30)
    ann.send({ type: 'tick' })
    expect(await ann.closed()).toEqual({ code: 1008, reason: 'Too many messages over the rate limit' })
  })

  it('slow the other dialects down instead: nothing is dropped, and the order is kept', async () => {
    const { pass } = stopClocks()
    const { open, relay } = await startRelay({ throttle: 100 })
    const [a, b] = [await open('/raw/doc'), await open('/raw/doc')]
    const numbers = Array.from({ length: 250 }, (_, i) => ({ text: String(i) }))
    const first = nextLimit(relay)
    for (const { text } of numbers) a.send(text)
    // Its socket is not read any further: not even a ping is answered before the debt is paid.
    let answered = false
    const last = a.settled().then(() => {
      answered = true
    })
    expect(await first).toBe('throttle')
    expect(await b.settled()).toEqual(numbers.slice(0, 100))
    const second = nextLimit(relay)
    pass(1)
    expect(await second).toBe('throttle')
    expect(await b.settled()).toEqual(numbers.slice(100, 200))
    expect(answered).toBe(false)
    pass(1)
    await last
    expect(await b.settled()).toEqual(numbers.slice(200))
  })

  it('hold bytes a second by slowing the sender down', async () => {
    const { pass } = stopClocks()
    const { open, relay } = await startRelay({ byteRate: 10_000 })
    const [a, b] = [await open('/room/doc'), await open('/room/doc')]
    await b.json()
    const slowed = nextLimit(relay)
    a.send({ type: 'paste', text: 'x'.repeat(11_000) })
    a.send({ type: 'next' })
    expect(await slowed).toBe('bytes')
    expect(await b.json()).toMatchObject({ type: 'paste' })
    pass(0.9)
    expect(await b.settled()).toEqual([])
    pass(0.1)
    expect(await b.json()).toMatchObject({ type: 'next' })
  })

  it('close who sends too big a message with 1009', async () => {
    const test = await startRelay({ maxMessageBytes: '1KiB' })
    const [a, b] = [await test.open('/raw/doc'), await test.open('/raw/doc')]
    a.send('x'.repeat(1024))
    expect(await b.next()).toEqual({ text: 'x'.repeat(1024) })
    const report = nextLimit(test.relay)
    a.send('x'.repeat(1025))
    expect(await a.closed()).toEqual({ code: 1009, reason: 'Message too big' })
    expect(await report).toBe('message-size')
    expect(await b.settled()).toEqual([])
  })

  it('count the fragments of a message together', async () => {
    const { open } = await startRelay({ maxMessageBytes: '1KiB' })
    const a = await open('/raw/doc')
    a.socket.send('x'.repeat(600), { fin: false })
    a.socket.send('x'.repeat(600), { fin: true })
    expect(await a.closed()).toEqual({ code: 1009, reason: 'Message too big' })
  })

  it('close one member too many with 1013 and a reason that says so', async () => {
    const { open } = await startRelay({ maxRoomMembers: 2 })
    const [first] = [await open('/room/a'), await open('/room/a')]
    expect(await (await open('/room/a')).closed()).toEqual({ code: 1013, reason: 'Room is full' })
    await first.leave()
    expect(await (await open('/room/a')).json()).toMatchObject({ userCount: 2 })
  })

  it('close who would open one room too many with 1013', async () => {
    const { open } = await startRelay({ maxRooms: 2 })
    const subscriber = await open('/')
    subscriber.send({ type: 'subscribe', topics: ['a', 'b'] })
    await subscriber.settled()
    expect(await (await open('/room/a')).closed()).toEqual({ code: 1013, reason: 'Too many rooms' })
    subscriber.send({ type: 'subscribe', topics: ['c'] })
    expect(await subscriber.closed()).toEqual({ code: 1013, reason: 'Too many rooms' })
  })

  it.each([
    ['alone', () => ({}), []],
    ['and report it in a cluster', () => ({ backplane: new MemoryBus().connect() }), ['rooms']],
  ])('drop a message to a topic without subscribers if no room is left, %s', async (_, options, reports) => {
    const { open, relay } = await startRelay({ maxRooms: 1, ...options() })
    const limits: string[] = []
    relay.on('limit', ({ limit }) => limits.push(limit))
    const client = await open('/')
    client.send({ type: 'subscribe', topics: ['a'] }).send({ type: 'publish', topic: 'nobody' })
    client.send({ type: 'publish', topic: 'a' })
    expect(await client.json()).toEqual({ type: 'publish', topic: 'a', clients: 1 })
    expect(limits).toEqual(reports)
  })

  it('close a subscriber whom a full room turns away, and leave nothing of it behind', async () => {
    const { open, relay } = await startRelay({ maxRoomMembers: 1 })
    const [first, second] = [await open('/'), await open('/')]
    first.send({ type: 'subscribe', topics: ['full'] })
    await first.settled()
    second.send({ type: 'subscribe', topics: ['a', 'full', 'b'] })
    expect(await second.closed()).toEqual({ code: 1013, reason: 'Room is full' })
    expect(relay.stats().currentRooms).toBe(1)
  })

  it('give a client only so long to join a room', async () => {
    const test = await startRelay({ joinTimeout: 100 })
    const joined = await test.open('/')
    joined.send({ type: 'join', topic: 't' })
    const report = nextLimit(test.relay)
    const silent = await test.open('/')
    expect(await silent.closed()).toEqual({ code: 1008, reason: 'No room joined in time' })
    expect(await report).toBe('join-timeout')
    const chatty = await test.open('/y-webrtc')
    chatty.send({ type: 'ping' })
    expect(await chatty.closed()).toEqual({ code: 1008, reason: 'No room joined in time' })
    expect(await joined.settled()).toEqual([])
  })

  it('do not apply at 0', async () => {
    const none = { rateLimit: 0, throttle: 0, maxConnections: 0, maxRooms: 0, maxRoomMembers: 0, maxTopics: 0 }
    const more = { joinTimeout: 0, heartbeatInterval: 0, roomExpiry: 0, maxBufferedBytes: 0, maxTotalBufferedBytes: 0 }
    const { open } = await startRelay({ ...none, ...more, maxMessageBytes: 0 })
    const [a, b] = [await open('/room/doc'), await open('/room/doc')]
    await b.json()
    for (let i = 0; i < 500; i++) a.send({ type: 'tick', i })
    for (let i = 0; i < 500; i++) expect(await b.json()).toMatchObject({ i })
    a.send({ type: 'big', text: 'x'.repeat(2 ** 21) })
    expect(await b.json()).toMatchObject({ type: 'big' })
    const subscriber = await open('/')
    subscriber.send({ type: 'subscribe', topics: Array.from({ length: 300 }, (_, i) => String(i)) })
    expect(await subscriber.settled()).toEqual([])
  })
})
