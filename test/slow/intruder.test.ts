import { randomBytes } from 'node:crypto'
import { createClient } from '@redis/client'
import { afterAll, beforeAll, expect, it, onTestFinished, type TestContext, vi } from 'vitest'
import type { RelayOptions } from '../../src/index.js'
import type { Client } from '../support/client.js'
import { byRedis, Nodes } from '../support/nodes.js'
import { describeWithRedis, RedisServer } from '../support/redis.js'
import { RelayCommand } from '../support/relay-command.js'
import { agree, talk, Witness } from '../support/witness.js'

/** How long something may take on a busy machine, in milliseconds. */
const TIMEOUT = 15_000

/** Somebody else who uses the same Redis: hears all that is published, and publishes what it likes. */
class Intruder {
  readonly heard: { channel: string; frame: Buffer }[] = []
  readonly #client

  private constructor(client: ReturnType<typeof createClient>) {
    this.#client = client
  }

  static async start(url: string, finished = onTestFinished): Promise<Intruder> {
    const client = createClient({ url })
    client.on('error', () => {})
    await client.connect()
    finished(() => client.destroy())
    const intruder = new Intruder(client as ReturnType<typeof createClient>)
    await client.pSubscribe(
      '*',
      (frame: Buffer, channel: Buffer) =>
        intruder.heard.push({ channel: channel.toString(), frame: Buffer.from(frame) }),
      true,
    )
    return intruder
  }

  /** The channels on which something was said so far, with the names of all tests that begin so. */
  channels(name: string): string[] {
    return [...new Set(this.heard.map(({ channel }) => channel))].filter((channel) => channel.startsWith(`${name}:`))
  }

  async say(channel: string, frame: Buffer): Promise<void> {
    await this.#client.publish(channel, frame)
  }
}

/** Frames that no node writes. */
const junk = [
  Buffer.alloc(0),
  Buffer.from('hello'),
  Buffer.from('{"type":"bye"}'),
  Buffer.alloc(100_000, 1),
  // Of a later version, of no known kind, and shorter than they say.
  Buffer.concat([Buffer.from([9, 0]), Buffer.alloc(100)]),
  Buffer.concat([Buffer.from([1, 99]), Buffer.alloc(100)]),
  ...[0, 3, 4, 5, 6, 7, 8, 9, 10].map((kind) =>
    Buffer.concat([Buffer.from([1, kind]), Buffer.alloc(8, 7), randomBytes(3)]),
  ),
  Buffer.concat([Buffer.from([1, 7]), Buffer.alloc(8, 7), Buffer.alloc(16), Buffer.from('ffffffff', 'hex')]),
  // Larger than anything that nodes say.
  Buffer.alloc(3 * 2 ** 20, 1),
]

describeWithRedis(
  'frames of somebody else',
  () => {
    let redis: RedisServer
    beforeAll(async () => {
      redis = await RedisServer.run()
    })
    afterAll(() => redis.stop())

    let tests = 0
    /** Relays in processes of their own, and a member of one topic on each. */
    async function start(
      { onTestFinished }: TestContext,
      envs: readonly Record<string, string>[],
    ): Promise<[RelayCommand[], Witness[], string]> {
      const name = `intruded-${tests++}`
      const relays = await Promise.all(
        envs.map((env) => RelayCommand.start({ REDIS_URL: redis.url, CLUSTER_NAME: name, ...env }, onTestFinished)),
      )
      const witnesses: Witness[] = []
      for (const [i, relay] of relays.entries()) witnesses.push(await Witness.join(relay, 'topic', `w${i}`))
      return [relays, witnesses, name]
    }

    it.for([
      ['', 'Malformed frame from the backplane'],
      ['a secret of the nodes', 'Frame without a right signature from the backplane'],
    ])('are dropped, and told of (secret: "%s")', async ([secret = '', line = ''], test) => {
      const { expect } = test
      const intruder = await Intruder.start(redis.url, test.onTestFinished)
      const [relays, witnesses, name] = await start(test, [{ CLUSTER_SECRET: secret }, { CLUSTER_SECRET: secret }])
      await agree(witnesses)
      const stop = talk(witnesses, 20)
      await vi.waitUntil(() => intruder.channels(name).length >= 2, TIMEOUT)
      for (const channel of intruder.channels(name)) for (const frame of junk) await intruder.say(channel, frame)
      await Promise.all(relays.map((relay) => relay.logged(line)))
      stop()
      await agree(witnesses)
      expect(witnesses.flatMap(({ closes }) => closes)).toEqual([])
      expect(witnesses.map(({ notices }) => notices.length)).toEqual([1, 1])
      for (const relay of relays) {
        expect((await relay.health()).status).toBe('healthy')
        expect(relay.count('Fault')).toBe(0)
      }
    })

    it('are no use when they are those of nodes, said again elsewhere or later', async (test) => {
      const { expect } = test
      const intruder = await Intruder.start(redis.url, test.onTestFinished)
      const secret = { CLUSTER_SECRET: 'a secret of the nodes' }
      const [relays, witnesses, name] = await start(test, [secret, secret])
      const other: Witness[] = []
      for (const [i, relay] of relays.entries()) other.push(await Witness.join(relay, 'other', `o${i}`))
      await agree(witnesses)
      await agree(other)
      const stop = talk([...witnesses, ...other], 20)
      await vi.waitUntil(() => intruder.heard.filter(({ channel }) => channel.startsWith(name)).length > 100, TIMEOUT)
      // Each on its own channel, and on all others.
      const channels = intruder.channels(name)
      const frames = intruder.heard.filter(({ channel }) => channel.startsWith(name)).slice(0, 100)
      for (const { channel, frame } of frames) {
        await intruder.say(channel, frame)
        for (const elsewhere of channels) if (elsewhere !== channel) await intruder.say(elsewhere, frame)
      }
      stop()
      // They complain if they hear something twice, or of somebody who is not in.
      await agree(witnesses)
      await agree(other)
      for (const witness of [...witnesses, ...other]) {
        expect(witness.closes).toEqual([])
        expect(witness.notices).toHaveLength(1)
      }
      for (const relay of relays) expect((await relay.health()).cluster).toMatchObject({ nodes: 2 })
    })

    it('are those of nodes with another secret, or none: they do not meet', async (test) => {
      const { expect } = test
      const [relays, witnesses] = await start(test, [
        { CLUSTER_SECRET: 'the secret of one' },
        { CLUSTER_SECRET: 'the secret of two' },
        {},
      ])
      const more = await Promise.all(relays.map((relay, i) => Witness.join(relay, 'topic', `more${i}`)))
      for (const [i, witness] of witnesses.entries()) await agree([witness, more[i] as Witness])
      // Each has heard the others, and says so.
      await Promise.all(relays.map((relay) => relay.logged('Frame without a right signature from the backplane')))
      for (const relay of relays) {
        expect((await relay.health()).cluster).toMatchObject({ nodes: 1, connections: 2 })
      }
    })
  },
  { concurrent: true, timeout: 60_000 },
)

describeWithRedis('on the backplane', () => {
  it('nobody reads the names of rooms', async () => {
    const redis = await RedisServer.start()
    const intruder = await Intruder.start(redis.url)
    const said: string[] = []
    const monitor = createClient({ url: redis.url })
    monitor.on('error', () => {})
    await monitor.connect()
    onTestFinished(() => monitor.destroy())
    await monitor.monitor((command: string) => said.push(command))
    const nodes = await Nodes.start(byRedis(redis)(2) as RelayOptions[])
    const name = 'my-very-own-room'
    const paths = [`/room/${name}`, `/raw/${name}`, `/gun/${name}`]
    const clients: Client[] = []
    for (const path of paths) for (const i of [0, 1]) clients.push(await nodes.open(i, path))
    for (const i of [0, 1]) {
      clients.push((await nodes.open(i, '/pluresdb')).send({ type: 'join', topic: name }))
      clients.push((await nodes.open(i, '/y-webrtc')).send({ type: 'subscribe', topics: [name] }))
    }
    await nodes.settled()
    for (const client of clients) client.send({ type: 'data', data: 'hello' })
    for (const client of clients) await client.settled()
    await nodes.settled()
    for (const client of clients.splice(0)) client.drop()
    await nodes.settled()
    expect(said.length).toBeGreaterThan(50)
    expect(said.join('\n')).not.toContain(name)
    expect(intruder.heard.length).toBeGreaterThan(20)
    expect(Buffer.concat(intruder.heard.map(({ frame }) => frame)).includes(name)).toBe(false)
  })
})
