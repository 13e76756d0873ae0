import { describe, expect, it } from 'vitest'
import { MemoryBus } from '../../src/index.js'
import type { Client } from '../support/client.js'
import { startRelay, type TestRelay } from '../support/relay.js'
import { SECRET, tokenFor } from '../support/tokens.js'

const taken = { type: 'error', payload: 'peerId belongs to another user' }
const gone = { code: 1008, reason: 'The peerId belongs to another user' }

/** Connects a user with a token of its own. */
async function connect({ open }: Pick<TestRelay, 'open'>, sub: string | undefined, claims = {}): Promise<Client> {
  return await open(`/pluresdb?token=${await tokenFor({ ...(sub !== undefined && { sub }), ...claims })}`)
}

/** The same, and joins under an id. */
async function enter(relay: Pick<TestRelay, 'open'>, sub: string | undefined, peerId?: string): Promise<Client> {
  const client = await connect(relay, sub)
  client.send({ type: 'join', topic: 't', peerId })
  return client
}

const joined = (peerId: string): object => ({ type: 'peer-joined', peerId, topic: 't' })
const left = (peerId: string): object => ({ type: 'peer-left', peerId, topic: 't' })

describe('a peerId where tokens are checked (10.33)', () => {
  it('belongs to the user who has it, as long as a member has it', async () => {
    const relay = await startRelay({ jwtSecret: SECRET })
    const bob = await enter(relay, 'bob', 'bob')
    await bob.settled()
    const [one, two] = [await enter(relay, 'ann', 'f81d4fae'), await enter(relay, 'ann', 'f81d4fae')]
    expect(await bob.json()).toEqual(joined('f81d4fae'))
    await Promise.all([one.settled(), two.settled()])
    for (const sub of ['mallory', undefined]) {
      const other = await enter(relay, sub, 'f81d4fae')
      expect(await other.json()).toEqual(taken)
      other.send({ type: 'data', data: 'I, Ann, agree' })
      expect(await other.json()).toEqual({ type: 'error', payload: 'Join a topic before sending data' })
    }
    one.drop()
    two.drop()
    expect(await bob.json()).toEqual(left('f81d4fae'))
    const heir = await enter(relay, 'mallory', 'f81d4fae')
    expect(await bob.json()).toEqual(joined('f81d4fae'))
    expect(await heir.settled()).toEqual([{ text: JSON.stringify(joined('bob')) }])
  })

  it('that the relay has made belongs to its user as well', async () => {
    const relay = await startRelay({ jwtSecret: SECRET })
    const bob = await enter(relay, 'bob', 'bob')
    await bob.settled()
    const ann = await enter(relay, 'ann')
    const { peerId } = (await bob.json()) as { peerId: string }
    await ann.settled()
    expect(await (await enter(relay, 'mallory', peerId)).json()).toEqual(taken)
  })

  it('that is the name of a user cannot be taken by another while the user is connected', async () => {
    const relay = await startRelay({ jwtSecret: SECRET })
    const [bob, ann] = [await enter(relay, 'bob', 'bob'), await connect(relay, 'ann')]
    await Promise.all([bob.settled(), ann.settled()])
    expect(await (await enter(relay, 'mallory', 'ann')).json()).toEqual(taken)
    ann.send({ type: 'join', topic: 't', peerId: 'ann' })
    expect(await bob.json()).toEqual(joined('ann'))
  })

  it.each([
    ['in the topic', true],
    ['nowhere', false],
  ])(
    'that is the name of a user goes to the user, if another client has it, with others %s',
    async (_where, others) => {
      const relay = await startRelay({ jwtSecret: SECRET })
      const mallory = await enter(relay, 'mallory', 'ann')
      await mallory.settled()
      const bob = others ? await enter(relay, 'bob', 'bob') : undefined
      expect(await bob?.json()).toEqual(others ? joined('ann') : undefined)
      await mallory.settled()
      const ann = await enter(relay, 'ann', 'ann')
      expect(await mallory.closed()).toEqual(gone)
      if (bob) {
        expect(await bob.json()).toEqual(left('ann'))
        expect(await bob.json()).toEqual(joined('ann'))
        ann.send({ type: 'data', data: 1 })
        expect(await bob.json()).toEqual({ type: 'data', data: 1, peerId: 'ann' })
      }
      await ann.settled()
      expect(relay.relay.stats()).toMatchObject({ peers: others ? 2 : 1, topics: 1 })
    },
  )

  it('is one of those that the token names, if it names any', async () => {
    const relay = await startRelay({ jwtSecret: SECRET })
    const ann = await connect(relay, 'ann', { peerIds: ['ann', 'ann-*'] })
    ann.send({ type: 'join', topic: 't', peerId: 'bob' })
    expect(await ann.json()).toEqual(taken)
    const bob = await enter(relay, 'bob', 'bob')
    await bob.settled()
    for (const peerId of ['ann', 'ann-1', undefined]) {
      ann.send({ type: 'join', topic: 't', peerId })
      expect(await bob.json()).toMatchObject({ type: 'peer-joined' })
      ann.send({ type: 'join', topic: 'elsewhere', peerId: 'ann' })
      expect(await bob.json()).toMatchObject({ type: 'peer-left' })
    }
    const fresh = await tokenFor({ sub: 'ann', peerIds: ['other'] })
    ann.send({ type: 'auth', token: fresh })
    expect(await ann.closed()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
    for (const peerIds of ['ann', [7], { ann: true }]) {
      const odd = await connect(relay, 'ann', { peerIds })
      expect(await odd.closed()).toEqual({ code: 1008, reason: 'Invalid authentication token' })
    }
  })

  it("is anybody's where no tokens are checked", async () => {
    const { open } = await startRelay()
    const clients = [await open('/pluresdb'), await open('/pluresdb')]
    for (const client of clients) client.send({ type: 'join', topic: 't', peerId: 'ann' })
    for (const client of clients) expect(await client.settled()).toEqual([])
  })
})

describe('a peerId on several nodes where tokens are checked (10.33)', () => {
  async function nodes(): Promise<[TestRelay, TestRelay]> {
    const bus = new MemoryBus()
    const start = (): Promise<TestRelay> => startRelay({ jwtSecret: SECRET, backplane: bus.connect() })
    return [await start(), await start()]
  }

  it('belongs to the user who has it on another', async () => {
    const [first, second] = await nodes()
    const ann = await enter(first, 'ann', 'f81d4fae')
    await ann.settled()
    const bob = await enter(second, 'bob', 'bob')
    expect(await bob.json()).toEqual(joined('f81d4fae'))
    expect(await (await enter(second, 'mallory', 'f81d4fae')).json()).toEqual(taken)
    const tablet = await enter(second, 'ann', 'f81d4fae')
    expect(await tablet.json()).toEqual(joined('bob'))
    // Not known to the second node from the first's hello, but from what it said later.
    const later = await enter(first, 'ann', 'later')
    expect(await bob.json()).toEqual(joined('later'))
    expect(await (await enter(second, 'mallory', 'later')).json()).toEqual(taken)
    later.drop()
  })

  it('that is the name of a user goes to the user, if another client has it on another node', async () => {
    const [first, second] = await nodes()
    const mallory = await enter(first, 'mallory', 'ann')
    const bob = await enter(second, 'bob', 'bob')
    expect(await bob.json()).toEqual(joined('ann'))
    const ann = await enter(second, 'ann', 'ann')
    expect(await mallory.closed()).toEqual(gone)
    ann.send({ type: 'data', data: 1 })
    expect(await bob.json()).toEqual({ type: 'data', data: 1, peerId: 'ann' })
  })

  it('that two take at the same time is left to one of them', async () => {
    const [first, second] = await nodes()
    const both = await Promise.all([enter(first, 'ann', 'x'), enter(second, 'mallory', 'x')])
    const outcomes = await Promise.race([
      Promise.any(both.map((client) => client.closed().then(() => 'closed'))),
      Promise.any(both.map((client) => client.json().then(() => 'refused'))),
    ])
    expect(['closed', 'refused']).toContain(outcomes)
    await expect.poll(() => first.relay.stats().peers + second.relay.stats().peers).toBe(1)
  })
})
