import { describe, expect, it } from 'vitest'
import { startRelay } from '../support/relay.js'

const joined = (peerId: string, topic = 't'): object => ({ type: 'peer-joined', peerId, topic })
const left = (peerId: string, topic = 't'): object => ({ type: 'peer-left', peerId, topic })
const join = (peerId: string, topic = 't'): object => ({ type: 'join', topic, peerId })

describe('pluresdb', () => {
  it('tells a newcomer of every peer present', async () => {
    const { open } = await startRelay()
    for (const peerId of ['a', 'b', 'c']) {
      const peer = await open('/')
      peer.send(join(peerId))
      await peer.settled()
    }
    const newcomer = await open('/pluresdb')
    newcomer.send(join('d'))
    const seen = [await newcomer.json(), await newcomer.json(), await newcomer.json()]
    expect(seen).toEqual([joined('a'), joined('b'), joined('c')])
    expect(await newcomer.settled()).toEqual([])
  })

  it('moves a connection that joins again, and leaves nothing behind', async () => {
    const { open } = await startRelay()
    const [mover, old, next] = [await open('/'), await open('/'), await open('/')]
    mover.send(join('m', 'old'))
    await mover.settled()
    old.send(join('o', 'old'))
    next.send(join('n', 'next'))
    expect(await old.json()).toEqual(joined('m', 'old'))
    expect(await mover.json()).toEqual(joined('o', 'old'))
    await next.settled()
    mover.send(join('m', 'next'))
    expect(await old.json()).toEqual(left('m', 'old'))
    expect(await next.json()).toEqual(joined('m', 'next'))
    expect(await mover.json()).toEqual(joined('n', 'next'))
    old.send({ type: 'data', data: 'x' })
    await old.settled()
    expect(await mover.settled()).toEqual([])
  })

  it('changes nothing when a connection joins the same topic under the same id', async () => {
    const { open } = await startRelay()
    const [a, b] = [await open('/'), await open('/')]
    a.send(join('a'))
    await a.settled()
    b.send(join('b'))
    await b.json()
    await a.json()
    a.send(join('a'))
    expect(await a.settled()).toEqual([])
    expect(await b.settled()).toEqual([])
  })

  it('announces an id that is on several connections once, and its end with the last of them', async () => {
    const { open } = await startRelay()
    const watcher = await open('/')
    watcher.send(join('w'))
    await watcher.settled()
    const [first, second] = [await open('/'), await open('/')]
    first.send(join('twin'))
    expect(await first.json()).toEqual(joined('w'))
    second.send(join('twin'))
    expect(await second.json()).toEqual(joined('w'))
    expect(await watcher.json()).toEqual(joined('twin'))
    second.send({ type: 'data', data: 1 })
    expect(await first.json()).toEqual({ type: 'data', peerId: 'twin', data: 1 })
    expect(await watcher.json()).toEqual({ type: 'data', peerId: 'twin', data: 1 })
    await first.leave()
    expect(await watcher.settled()).toEqual([])
    second.drop()
    expect(await watcher.json()).toEqual(left('twin'))
  })

  it('makes a peerId where none is given', async () => {
    const { open } = await startRelay()
    const [a, b] = [await open('/'), await open('/')]
    a.send({ type: 'join', topic: 't' })
    await a.settled()
    b.send({ type: 'join', topic: 't' })
    expect((await a.json())['peerId']).toMatch(/^[0-9a-f]{16}$/)
    expect((await b.json())['peerId']).toMatch(/^[0-9a-f]{16}$/)
  })

  it.each(['x', 'x'.repeat(256), '../../etc/passwd', '__proto__', 'ünï/©ode 🐻"\\\n', '\ud800'])(
    'takes the topic %j',
    async (topic) => {
      const { open } = await startRelay()
      const [a, b] = [await open('/'), await open('/')]
      a.send(join('a', topic))
      await a.settled()
      b.send(join('b', topic))
      expect(await a.json()).toEqual(joined('b', topic))
    },
  )

  it.each([
    ['text', 'aGVsbG8='],
    ['an object', { nested: [1, null] }],
    ['null', null],
    ['false', false],
    ['an empty string', ''],
    ['odd characters', '"\\\u2028漢\ud800'],
  ])('relays %s as data', async (_what, data) => {
    const { open } = await startRelay()
    const [a, b] = [await open('/'), await open('/')]
    a.send(join('"a"'))
    await a.settled()
    b.send(join('b'))
    await b.json()
    a.send({ type: 'data', data, peerId: 'forged', topic: 'elsewhere', extra: 1 })
    expect(await b.json()).toEqual({ type: 'data', peerId: '"a"', data })
  })

  it.each([
    ['not json', 'Invalid message: not JSON'],
    ['null', 'Invalid message: a JSON object with a type is required'],
    ['[]', 'Invalid message: a JSON object with a type is required'],
    ['{"type":7}', 'Invalid message: a JSON object with a type is required'],
    ['{"type":"peer-joined"}', 'Unknown message type'],
    ['{"type":"join"}', 'Topic is required for join'],
    ['{"type":"join","topic":7}', 'Topic is required for join'],
    [JSON.stringify(join('a', 'x'.repeat(257))), 'Topic must have at most 256 characters'],
    [JSON.stringify(join('')), 'peerId must be a string of 1 to 128 characters'],
    [JSON.stringify(join('x'.repeat(129))), 'peerId must be a string of 1 to 128 characters'],
    ['{"type":"join","topic":"t","peerId":null}', 'peerId must be a string of 1 to 128 characters'],
    ['{"type":"data","data":1}', 'Join a topic before sending data'],
  ])('answers %.40s with an error and stays', async (text, payload) => {
    const { open } = await startRelay()
    const peer = await open('/pluresdb')
    peer.send(text)
    expect(await peer.json()).toEqual({ type: 'error', payload })
    peer.send(join('a'))
    peer.send({ type: 'data' })
    expect(await peer.json()).toEqual({ type: 'error', payload: 'data is required' })
  })

  it('relays the sender’s own text, to the last digit, under any peerId', async () => {
    const { open } = await startRelay()
    const [a, b] = [await open('/'), await open('/')]
    const peerId = 'ä"\\🐻\u2028'
    a.send(join(peerId))
    await a.settled()
    b.send(join('b'))
    await b.json()
    a.send(' {"data" : [12345678901234567890, 1e400, 1.0], "type":"data"} ')
    const seen = await b.next()
    expect(seen).toHaveProperty('text', expect.stringContaining('[12345678901234567890, 1e400, 1.0]'))
    expect(JSON.parse('text' in seen ? seen.text : '')).toMatchObject({ type: 'data', peerId })
  })

  it('relays data to the last digit beside fields that are not relayed, at any depth (10.12)', async () => {
    const { open } = await startRelay()
    const [a, b] = [await open('/'), await open('/')]
    a.send(join('a'))
    await a.settled()
    b.send(join('b'))
    await b.json()
    const data = `${'['.repeat(50_000)}12345678901234567890, 1e400, {"b":1,"10":-0, "b":2}${']'.repeat(50_000)}`
    a.send(`{"topic":"t", "type":"data","extra":1,"data":${data}, "peer\\u0049d":"x"}`)
    expect(await b.next()).toEqual({ text: `{ "type":"data","data":${data},"peerId":"a"}` })
  })

  it.each([
    ['{"type":"peer-left","type":"data","data":1}', 'type'],
    ['{"type":"data","data":1,"d\\u0061ta":2}', 'data'],
    ['{"type":"join","topic":"t","topic":"u"}', 'topic'],
    ['{"type":"data","data":1,"peerId":"x","peerId":"x"}', 'peerId'],
    ['{"type":"data","data":1,"peerId":"x","peer\\u0049d":"a"}', 'peerId'],
  ])('refuses %s, of which parsers read either (10.13)', async (text, field) => {
    const { open } = await startRelay()
    const [a, b] = [await open('/'), await open('/')]
    for (const [peer, id] of [
      [a, 'a'],
      [b, 'b'],
    ] as const) {
      peer.send(join(id))
      await peer.settled()
    }
    await a.settled()
    a.send(text)
    expect(await a.json()).toEqual({ type: 'error', payload: `Invalid message: "${field}" is there twice` })
    expect(await b.settled()).toEqual([])
  })
})
