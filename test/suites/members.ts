import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import type { Health, RelayOptions } from '../../src/index.js'
import type { Client, Seen } from '../support/client.js'
import { stopClocks } from '../support/clock.js'
import { type Joint, Nodes } from '../support/nodes.js'

const shown = expect.any(String)

/** A notice of `impossible-writer`. */
function notice(type: string, userCount: number, more: object = {}): object {
  return { type, connectionId: shown, userCount, ...more }
}

/** Opens a client of `impossible-writer`, and takes its welcome. */
async function enter(nodes: Nodes, i: number, path: string, userCount: number): Promise<Client> {
  const client = await nodes.open(i, path)
  expect(await client.json()).toMatchObject({ type: 'connected', userCount })
  return client
}

/** Opens a client of `pluresdb` and has it join; its list of peers is still to come. */
async function join(nodes: Nodes, i: number, topic: string, peerId: string): Promise<Client> {
  const client = await nodes.open(i, '/pluresdb')
  client.send({ type: 'join', topic, peerId })
  await done(client)
  return client
}

const heard = new WeakMap<Client, Record<string, unknown>[]>()

/** Waits until all that a client of `pluresdb` asked for is done; what it hears meanwhile is kept for {@link peers}. */
async function done(client: Client): Promise<void> {
  client.send({ type: 'done?' })
  const kept = heard.get(client) ?? []
  heard.set(client, kept)
  for (;;) {
    const message = await client.json()
    if (message['type'] === 'error') return
    kept.push(message)
  }
}

/** What a client of `pluresdb` has heard so far, of joins and leaves: `+ann`, `-ann`. */
async function peers(client: Client): Promise<string[]> {
  await done(client)
  return (heard.get(client)?.splice(0) ?? []).map(
    ({ type, peerId }) => `${type === 'peer-joined' ? '+' : '-'}${peerId}`,
  )
}

/** Opens clients of `opaque` on both nodes, and waits until they are in: nobody tells them. */
async function twoPipes(nodes: Nodes): Promise<[Client, Client]> {
  const joins = [0, 1].map((i) => once(nodes.at(i).relay, 'join'))
  const clients: [Client, Client] = [await nodes.open(0, '/raw/doc'), await nodes.open(1, '/raw/doc')]
  await Promise.all(joins)
  await nodes.settled()
  return clients
}

/** So many texts, after which nothing comes. */
async function texts(client: Client, count: number): Promise<string[]> {
  const seen: Seen[] = []
  while (seen.length < count) seen.push(await client.next())
  expect(await client.settled()).toEqual([])
  return seen.map((each) => ('text' in each ? each.text : ''))
}

/** Members of a room may sit on any node, and notice nothing. */
export function membersSuite(count: number, joint: () => Joint): void {
  async function start(options: RelayOptions = {}): Promise<Nodes> {
    return await Nodes.start(joint()(count).map((each) => ({ rateLimit: 0, throttle: 0, ...options, ...each })))
  }

  describe('members of a room may sit on any node', () => {
    it('a newcomer is welcomed with the number of all, and announced to all', async () => {
      const nodes = await start()
      const ann = await enter(nodes, 0, '/room/doc?nickname=Ann', 1)
      const ben = await enter(nodes, 1, '/room/doc?nickname=Ben', 2)
      expect(await ann.json()).toEqual(notice('user-joined', 2, { nickname: 'Ben' }))
      const cleo = await enter(nodes, 0, '/room/doc', 3)
      expect(await ann.json()).toEqual(notice('user-joined', 3))
      expect(await ben.json()).toEqual(notice('user-joined', 3))
      await ben.leave()
      expect(await ann.json()).toEqual(notice('user-left', 2, { nickname: 'Ben' }))
      expect(await cleo.json()).toEqual(notice('user-left', 2, { nickname: 'Ben' }))
      ann.drop()
      expect(await cleo.json()).toEqual(notice('user-left', 1, { nickname: 'Ann' }))
      await enter(nodes, 1, '/room/doc', 2)
    })

    it('a leave is announced once, however it came about', async () => {
      const nodes = await start()
      const ann = await enter(nodes, 0, '/room/doc', 1)
      const others = [await enter(nodes, 1, '/room/doc', 2), await enter(nodes, 1, '/room/doc', 3)]
      for (const userCount of [2, 3]) expect(await ann.json()).toMatchObject({ type: 'user-joined', userCount })
      for (const other of others) other.drop()
      for (const userCount of [2, 1]) expect(await ann.json()).toMatchObject({ type: 'user-left', userCount })
      await enter(nodes, 1, '/room/doc', 2)
      expect(await ann.json()).toMatchObject({ type: 'user-joined', userCount: 2 })
      await nodes.settled()
      expect(await ann.settled()).toEqual([])
    })

    it('a peer is told who else is there, and the others of it, once each', async () => {
      const nodes = await start()
      const clients: Client[] = []
      for (const [i, peerId] of ['ann', 'ben', 'cleo', 'dan'].entries()) {
        clients.push(await join(nodes, i, 'topic', peerId))
        await nodes.settled()
      }
      const [ann, ben, cleo, dan] = clients as [Client, Client, Client, Client]
      expect(await peers(ann)).toEqual(['+ben', '+cleo', '+dan'])
      expect(await peers(ben)).toEqual(['+ann', '+cleo', '+dan'])
      expect((await peers(cleo)).sort()).toEqual(['+ann', '+ben', '+dan'])
      expect((await peers(dan)).sort()).toEqual(['+ann', '+ben', '+cleo'])
      cleo.drop()
      expect(await dan.json()).toEqual({ type: 'peer-left', peerId: 'cleo', topic: 'topic' })
    })

    it('a peerId that several connections share is in as long as one of them is', async () => {
      const nodes = await start()
      const watcher = await join(nodes, 0, 'topic', 'watcher')
      const first = await join(nodes, 0, 'topic', 'ann')
      const second = await join(nodes, 1, 'topic', 'ann')
      const third = await join(nodes, 1, 'topic', 'ann')
      await nodes.settled()
      expect(await peers(watcher)).toEqual(['+ann'])
      expect(await peers(second)).toEqual(['+watcher'])
      for (const client of [first, third]) await client.leave()
      const ben = await join(nodes, 1, 'topic', 'ben')
      await nodes.settled()
      expect(await peers(watcher)).toEqual(['+ben'])
      expect((await peers(ben)).sort()).toEqual(['+ann', '+watcher'])
      await second.leave()
      expect(await watcher.json()).toMatchObject({ type: 'peer-left', peerId: 'ann' })
    })

    it('a peer that moves leaves one topic and is in the other', async () => {
      const nodes = await start()
      const [red, blue] = [await join(nodes, 1, 'red', 'rita'), await join(nodes, 0, 'blue', 'bob')]
      const ann = await join(nodes, 0, 'red', 'ann')
      await nodes.settled()
      ann.send({ type: 'join', topic: 'blue', peerId: 'ann' })
      await done(ann)
      ann.send({ type: 'join', topic: 'red', peerId: 'ann' })
      await done(ann)
      await nodes.settled()
      expect(await peers(red)).toEqual(['+ann', '-ann', '+ann'])
      expect(await peers(blue)).toEqual(['+ann', '-ann'])
      expect(await peers(ann)).toEqual(['+rita', '+bob', '+rita'])
    })

    it('a publisher counts the subscribers everywhere, and need not be one', async () => {
      const nodes = await start()
      const pong = async (client: Client): Promise<void> => {
        expect(await client.send({ type: 'ping' }).json()).toEqual({ type: 'pong' })
        await nodes.settled()
      }
      const [ann, ben, eve] = [
        await nodes.open(0, '/y-webrtc'),
        await nodes.open(1, '/y-webrtc'),
        await nodes.open(1, '/y-webrtc'),
      ]
      for (const client of [ann, ben]) {
        client.send({ type: 'subscribe', topics: ['topic'] })
        await pong(client)
      }
      for (const [n, client] of [ann, ben, eve].entries()) {
        const published = { type: 'publish', topic: 'topic', n }
        client.send(published)
        expect(await ann.json()).toEqual({ ...published, clients: 2 })
        expect(await ben.json()).toEqual({ ...published, clients: 2 })
      }
      // A node without a subscriber is only passing by.
      ben.send({ type: 'unsubscribe', topics: ['topic'] })
      await pong(ben)
      for (let n = 0; n < 5; n++) {
        eve.send({ type: 'publish', topic: 'topic', n }).send({ type: 'publish', topic: 'nobody', n })
        expect(await ann.json()).toEqual({ type: 'publish', topic: 'topic', n, clients: 1 })
      }
      await pong(eve)
      const { currentRooms } = nodes.at(1).relay.stats()
      // Beside the one of the witnesses.
      expect(currentRooms).toBe(count === 1 ? 2 : 1)
    })

    it('a room is full when all together are enough', async () => {
      const nodes = await start({ maxRoomMembers: 2 })
      const ann = await enter(nodes, 0, '/room/doc', 1)
      const ben = await enter(nodes, 1, '/room/doc', 2)
      expect(await ann.json()).toMatchObject({ type: 'user-joined' })
      for (const i of [0, 1]) {
        const late = await nodes.open(i, '/room/doc')
        expect(await late.next()).toEqual({ code: 1013, reason: 'Room is full' })
      }
      await ben.leave()
      expect(await ann.json()).toMatchObject({ type: 'user-left', userCount: 1 })
      await enter(nodes, 0, '/room/doc', 2)
    })

    it('a room expires everywhere at once, at the age that its first member gave it', async () => {
      const { pass } = stopClocks()
      const nodes = await start({ roomExpiry: 1200 })
      const ann = await enter(nodes, 0, '/room/doc', 1)
      // Their rooms are younger, unless they agree.
      pass(0.6)
      const ben = await enter(nodes, 1, '/room/doc', 2)
      expect(await ann.json()).toMatchObject({ type: 'user-joined' })
      pass(0.55)
      for (const client of [ann, ben]) expect(await client.settled()).toEqual([])
      pass(0.1)
      for (const client of [ann, ben]) expect(await client.closed()).toEqual({ code: 1000, reason: 'Room expired' })
      // The next one is new, everywhere.
      await enter(nodes, 1, '/room/doc', 1)
      await enter(nodes, 0, '/room/doc', 2)
    })

    it('each hears what the others say, in the order of each, once, and nothing of its own', async () => {
      const nodes = await start()
      const [talkers, readers] = [await twoPipes(nodes), await twoPipes(nodes)]
      await nodes.settled()
      const numbers = Array.from({ length: 500 }, (_, n) => n)
      for (const n of numbers) {
        for (const [who, talker] of talkers.entries()) talker.send(`${who}:${n}`)
        if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      const of = (who: number): string[] => numbers.map((n) => `${who}:${n}`)
      expect(await texts(talkers[0], numbers.length)).toEqual(of(1))
      expect(await texts(talkers[1], numbers.length)).toEqual(of(0))
      for (const reader of readers) {
        const seen = await texts(reader, 2 * numbers.length)
        expect(seen.filter((text) => text.startsWith('0:'))).toEqual(of(0))
        expect(seen.filter((text) => text.startsWith('1:'))).toEqual(of(1))
      }
    })

    it('text and bytes come as they went, none and many', async () => {
      const nodes = await start()
      const [ann, ben] = await twoPipes(nodes)
      const frames = [Buffer.alloc(0), Buffer.from([0, 255, 10, 13]), randomBytes(125), randomBytes(126)]
      frames.push(randomBytes(65_535), randomBytes(65_536), randomBytes(700_000))
      for (const frame of frames) {
        ann.send(frame).send(frame.toString('base64'))
        const [bytes, text] = [await ben.next(), await ben.next()]
        expect('binary' in bytes && bytes.binary.equals(frame)).toBe(true)
        expect('text' in text && text.text === frame.toString('base64')).toBe(true)
      }
    })

    it('what a newcomer says at once comes after its join', async () => {
      const nodes = await start()
      for (let round = 0; round < 30; round++) {
        const ann = await enter(nodes, round, `/room/doc${round}`, 1)
        const ben = await nodes.open(round + 1, `/room/doc${round}`)
        ben.send({ type: 'content', n: 1 }).send({ type: 'content', n: 2 })
        expect(await ann.json()).toMatchObject({ type: 'user-joined', userCount: 2 })
        expect(await ann.json()).toMatchObject({ type: 'content', n: 1 })
        expect(await ann.json()).toMatchObject({ type: 'content', n: 2 })
        ben.send({ type: 'content', n: 3 })
        ben.socket.close()
        expect(await ann.json()).toMatchObject({ type: 'content', n: 3 })
        expect(await ann.json()).toMatchObject({ type: 'user-left', userCount: 1 })
      }
    })

    it('names of any script are kept apart', async () => {
      const nodes = await start()
      const names = [
        'ä',
        'a\u0308',
        '雪',
        '😀',
        '😁',
        'ÿ',
        'a b',
        '/',
        'a/b',
        '"\\',
        '\u0000',
        '\ud800',
        '\ud801',
        'x'.repeat(256),
      ]
      const clients: Client[] = []
      for (const name of names) {
        for (const i of [0, 1]) clients.push(await join(nodes, i, name, `${name}${i}`.slice(-100)))
      }
      await nodes.settled()
      for (const [n, name] of names.entries()) {
        const [ann, ben] = [clients[2 * n], clients[2 * n + 1]] as [Client, Client]
        expect(await peers(ann)).toEqual([`+${`${name}1`.slice(-100)}`])
        expect(await peers(ben)).toEqual([`+${`${name}0`.slice(-100)}`])
      }
    })

    it('a newcomer gets the history, however much it is', async () => {
      const nodes = await start({ history: 10, historyBytes: 8 * 2 ** 20 })
      const ann = await nodes.open(0, '/room/doc')
      expect(await ann.json()).toMatchObject({ type: 'connected', userCount: 1 })
      expect(await ann.json()).toMatchObject({ type: 'history', messages: [] })
      for (let n = 0; n < 4; n++) ann.send({ type: 'content', n, pad: 'x'.repeat(900_000) })
      await ann.settled()
      const ben = await nodes.open(1, '/room/doc')
      expect(await ben.json()).toMatchObject({ type: 'connected', userCount: 2 })
      const { messages } = (await ben.json()) as { messages: { n: number }[] }
      expect(messages.map(({ n }) => n)).toEqual([0, 1, 2, 3])
    })

    it('rooms of one name in different dialects have nothing to do with each other', async () => {
      const nodes = await start()
      const writers = [await enter(nodes, 0, '/room/doc', 1), await enter(nodes, 1, '/room/doc', 2)]
      const pipes = [await nodes.open(0, '/raw/doc'), await nodes.open(1, '/gun/doc')]
      const peer = await join(nodes, 0, 'doc', 'ann')
      await nodes.settled()
      for (const pipe of pipes) pipe.send('hello')
      peer.send({ type: 'data', data: 1 })
      await done(peer)
      await nodes.settled()
      expect(await writers[0]?.json()).toMatchObject({ type: 'user-joined' })
      for (const client of [...writers, ...pipes]) expect(await client.settled()).toEqual([])
      expect(await peers(peer)).toEqual([])
    })

    it('a node that stops lets its members go, and they are gone for the others', async ({ skip }) => {
      if (count === 1) return skip('there is no other')
      const nodes = await start()
      const ann = await enter(nodes, 0, '/room/doc', 1)
      const others = [await enter(nodes, 1, '/room/doc', 2), await enter(nodes, 1, '/room/doc', 3)]
      const stopped = nodes.at(1).relay.close({ drain: 200 })
      for (const other of others) expect(await other.closed()).toMatchObject({ code: 1001 })
      for (const userCount of [2, 3]) expect(await ann.json()).toMatchObject({ type: 'user-joined', userCount })
      for (const userCount of [2, 1]) expect(await ann.json()).toMatchObject({ type: 'user-left', userCount })
      await stopped
      await enter(nodes, 0, '/room/doc', 2)
      expect(await ann.json()).toMatchObject({ type: 'user-joined', userCount: 2 })
    })

    it('/health tells of all nodes together, and counts a shared room once', async () => {
      const nodes = await start()
      await Promise.all([
        ...[0, 1].map((i) => nodes.open(i, '/room/shared')),
        nodes.open(1, '/raw/alone'),
        join(nodes, 0, 'topic', 'ann'),
        join(nodes, 1, 'topic', 'ben'),
        join(nodes, 1, 'another', 'cleo'),
      ])
      const health = async (i: number): Promise<Health> =>
        (await (await fetch(`${nodes.at(i).http}/health`)).json()) as Health
      // With the witnesses, one on each node, in a topic of their own.
      const all = { rooms: 5, connections: 6 + count, topics: 3, peers: 3 + count }
      if (count === 1) {
        expect(await health(0)).toMatchObject({ status: 'healthy', ...all })
        expect(await health(0)).not.toHaveProperty('cluster')
        return
      }
      for (const i of [0, 1]) {
        await vi.waitFor(async () => expect((await health(i)).cluster).toEqual({ nodes: count, ...all }), 10_000)
        expect(await health(i)).toMatchObject({ status: 'healthy' })
      }
      expect((await health(0)).connections + (await health(1)).connections).toBe(all.connections)
      await nodes.at(1).relay.close({ drain: 0 })
      const rest = { nodes: 1, rooms: 3, connections: 3, topics: 2, peers: 2 }
      await vi.waitFor(async () => expect((await health(0)).cluster).toEqual(rest), 10_000)
    })

    it('the events of a relay tell of the clients that are connected to it', async () => {
      const nodes = await start()
      await enter(nodes, 0, '/room/doc', 1)
      const joined = once(nodes.at(1).relay, 'join')
      await enter(nodes, 1, '/room/doc', 2)
      expect(await joined).toMatchObject([{ room: 'doc', count: 2 }])
    })
  })
}
