import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { MemoryBus, Relay } from '../src/index.js'
import { limitsHit, startRelay } from './support/relay.js'

const ID = expect.stringMatching(/^[0-9a-f]{16}$/)

describe('publish', () => {
  it('says a message in impossible-writer, stamped as those of members are', async () => {
    const { relay, open } = await startRelay()
    const [ann, ben] = [await open('/room/doc'), await open('/room/doc')]
    await ben.json()
    await ann.json()
    await ann.json()
    const data = { type: 'notice', text: 'hello', connectionId: 'forged', timestamp: 'forged' }
    expect(relay.publish('impossible-writer', 'doc', data)).toBe(2)
    const heard = await ann.json()
    expect(heard).toEqual({ type: 'notice', text: 'hello', connectionId: ID, timestamp: expect.any(Number) })
    expect(await ben.json()).toEqual(heard)
    relay.publish('impossible-writer', 'doc', { type: 'again' })
    expect(await ann.json()).toMatchObject({ type: 'again', connectionId: heard['connectionId'] })
  })

  it('keeps it for newcomers, where messages are kept', async () => {
    const { relay, open } = await startRelay({ history: 10 })
    await (await open('/room/doc')).json()
    relay.publish('impossible-writer', 'doc', { type: 'notice' })
    const late = await open('/room/doc')
    await late.json()
    expect(await late.json()).toMatchObject({ type: 'history', messages: [{ type: 'notice' }] })
  })

  it('says data in pluresdb under a peerId', async () => {
    const { relay, open } = await startRelay()
    const peer = await open('/')
    peer.send({ type: 'join', topic: 't', peerId: 'p' })
    await peer.settled()
    expect(relay.publish('pluresdb', 't', { peerId: 'backend', data: [1, null] })).toBe(1)
    expect(await peer.json()).toEqual({ type: 'data', data: [1, null], peerId: 'backend' })
  })

  it('says a publish in y-webrtc, with the number of clients', async () => {
    const { relay, open } = await startRelay()
    const editor = await open('/y-webrtc')
    editor.send({ type: 'subscribe', topics: ['one', 'two'] })
    await editor.settled()
    for (const topic of ['one', 'two', 'one']) relay.publish('y-webrtc', topic, { data: topic, clients: 99 })
    for (const topic of ['one', 'two', 'one']) {
      expect(await editor.json()).toEqual({ type: 'publish', topic, data: topic, clients: 1 })
    }
  })

  it('says text or bytes in opaque, and text alone where GUN reads', async () => {
    const { relay, open } = await startRelay()
    const [raw, gun] = [await open('/raw/doc'), await open('/gun/doc')]
    relay.publish('opaque', 'raw/doc', 'text')
    relay.publish('opaque', 'raw/doc', Buffer.from([1, 2]))
    relay.publish('opaque', 'gun/doc', Buffer.from('{}'))
    expect(await raw.next()).toEqual({ text: 'text' })
    expect(await raw.next()).toEqual({ binary: Buffer.from([1, 2]) })
    expect(await gun.next()).toEqual({ text: '{}' })
  })

  it('opens no room where nobody is', async () => {
    const { relay } = await startRelay()
    const created = vi.fn()
    relay.on('room-created', created)
    expect(relay.publish('impossible-writer', 'doc', { type: 'notice' })).toBe(0)
    expect([relay.stats().currentRooms, created.mock.calls.length]).toEqual([0, 0])
  })

  it('reaches the members on other nodes, in order, though none is on this one', async () => {
    const bus = new MemoryBus()
    const [one, two] = [await startRelay({ backplane: bus.connect() }), await startRelay({ backplane: bus.connect() })]
    const ann = await two.open('/room/doc')
    await ann.json()
    for (const n of [1, 2, 3]) expect(one.relay.publish('impossible-writer', 'doc', { type: 'count', n })).toBe(0)
    for (const n of [1, 2, 3]) expect(await ann.json()).toMatchObject({ type: 'count', n })
    expect(await ann.settled()).toEqual([])
    expect(one.relay.stats().currentRooms).toBe(0)
  })

  it('reaches them while somebody joins on this node, too', async () => {
    const bus = new MemoryBus()
    const [one, two] = [await startRelay({ backplane: bus.connect() }), await startRelay({ backplane: bus.connect() })]
    const ann = await two.open('/room/doc')
    await ann.json()
    one.relay.publish('impossible-writer', 'doc', { type: 'early' })
    const ben = await one.open('/room/doc')
    await ben.json()
    expect(one.relay.publish('impossible-writer', 'doc', { type: 'late' })).toBe(1)
    expect(await ben.json()).toMatchObject({ type: 'late' })
    const types = [await ann.json(), await ann.json(), await ann.json()].map(({ type }) => type)
    expect(types).toEqual(['early', 'user-joined', 'late'])
  })

  it('tells of the limit where no room can be opened to reach other nodes', async () => {
    const { relay, open } = await startRelay({ backplane: new MemoryBus().connect(), maxRooms: 1 })
    await (await open('/room/one')).json()
    const limits = limitsHit(relay)
    expect(relay.publish('impossible-writer', 'two', { type: 'notice' })).toBe(0)
    expect(limits).toEqual(['rooms'])
  })

  it('does nothing once the relay is closed', async () => {
    const { relay } = await startRelay({ backplane: new MemoryBus().connect() })
    await relay.close()
    expect(relay.publish('impossible-writer', 'doc', { type: 'notice' })).toBe(0)
    expect(relay.stats().currentRooms).toBe(0)
  })

  it.each<[dialect: string, room: string, problem: string, data: unknown]>([
    [
      'raw',
      'raw/doc',
      'dialect must be one that this relay serves: impossible-writer, pluresdb, y-webrtc, opaque',
      'x',
    ],
    ['impossible-writer', 'a.b', 'room: Invalid room ID format', { type: 'x' }],
    ['impossible-writer', '', 'room: Room ID required', { type: 'x' }],
    ['impossible-writer', 'doc', 'data must have a type, which is a string', { text: 'x' }],
    ['impossible-writer', 'doc', 'data must have a type, which is a string', { type: '' }],
    ['impossible-writer', 'doc', 'The type "user-left" is reserved for the relay', { type: 'user-left' }],
    ['impossible-writer', 'doc', 'data must be an object that can be written as JSON', 'text'],
    ['impossible-writer', 'doc', 'data must be an object that can be written as JSON', undefined],
    ['impossible-writer', 'doc', 'BigInt', { type: 'x', n: 1n }],
    ['pluresdb', '', 'room must be a string of 1 to 256 characters', { peerId: 'p', data: 1 }],
    ['pluresdb', 't', 'data.peerId must be a string of 1 to 128 characters', { data: 1 }],
    ['pluresdb', 't', 'data.peerId must be a string of 1 to 128 characters', null],
    ['pluresdb', 't', 'data.data must be something that JSON has', { peerId: 'p' }],
    ['y-webrtc', 'x'.repeat(257), 'room must be a string of 1 to 256 characters', {}],
    ['y-webrtc', 't', 'data must be an object', []],
    ['opaque', 'doc', 'room must be a path in its one spelling', 'x'],
    ['opaque', 'raw/%7e', 'room must be a path in its one spelling', 'x'],
    ['opaque', 'raw/doc', 'data must be a string, or the bytes of a Uint8Array', { type: 'x' }],
    ['opaque', 7 as never, 'room must be a string', 'x'],
  ])('in %s and the room %j throws a TypeError: %s', (dialect, room, problem, data) => {
    const relay = new Relay({ logLevel: 'silent' })
    const publish = (): number => relay.publish(dialect as 'opaque', room, data as never)
    expect(publish).toThrow(TypeError)
    expect(publish).toThrow(problem)
  })
})

describe('closeRoom', () => {
  it('disconnects the members of a room, and nobody else', async () => {
    const { relay, open } = await startRelay()
    const [ann, ben, eve] = [await open('/room/doc'), await open('/room/doc'), await open('/room/other')]
    await eve.next()
    const removed = once(relay, 'room-removed')
    expect(relay.closeRoom('impossible-writer', 'doc')).toBe(2)
    expect(await removed).toEqual([{ dialect: 'impossible-writer', room: 'doc', why: 'closed' }])
    for (const client of [ann, ben]) {
      expect(await client.closed()).toEqual({ code: 1008, reason: 'Room closed by an operator' })
    }
    expect(await eve.settled()).toEqual([])
  })

  it('finds no room that is not open', async () => {
    const { relay, open } = await startRelay()
    await (await open('/room/doc')).json()
    expect(relay.closeRoom('impossible-writer', 'other')).toBe(0)
    expect(relay.closeRoom('opaque', 'doc')).toBe(0)
    expect(() => relay.closeRoom('raw' as never, 'doc')).toThrow(TypeError)
  })
})

describe('disconnect', () => {
  it('ends one connection; the others hear that its member left', async () => {
    const { relay, open } = await startRelay()
    const ann = await open('/room/doc')
    const { connectionId } = await ann.json()
    const ben = await open('/room/doc')
    await ben.json()
    const ended = once(relay, 'disconnect')
    expect(relay.disconnect(String(connectionId))).toBe(true)
    expect(await ended).toEqual([
      expect.objectContaining({ connectionId, code: 1008, reason: 'Disconnected by an operator' }),
    ])
    expect(await ann.closed()).toEqual({ code: 1008, reason: 'Disconnected by an operator' })
    expect(await ben.json()).toMatchObject({ type: 'user-left', connectionId })
    expect(relay.disconnect(String(connectionId))).toBe(false)
    expect(relay.disconnect('')).toBe(false)
  })
})
