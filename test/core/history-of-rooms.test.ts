import { describe, expect, it, onTestFinished } from 'vitest'
import { MemoryBus, type RelayOptions } from '../../src/index.js'
import { Client } from '../support/client.js'
import { startRelay, type TestRelay } from '../support/relay.js'

async function texts(client: Client): Promise<unknown[]> {
  return (await client.settled()).map((seen) => {
    const { type, body, messages } = JSON.parse('text' in seen ? seen.text : '{}') as Record<string, unknown>
    return type === 'history' ? (messages as { body: unknown }[]).map((message) => message.body) : (body ?? type)
  })
}

describe('history', () => {
  it('is off unless asked for', async () => {
    const relay = await startRelay()
    const ann = await relay.open('/room/doc')
    ann.send({ type: 'content', body: 1 })
    const ben = await relay.open('/room/doc')
    expect(await texts(ben)).toEqual(['connected'])
    expect(await (await fetch(`${relay.http}/health`)).json()).not.toHaveProperty('history')
  })

  it('tells a newcomer the last messages right after its welcome, as they were relayed', async () => {
    const relay = await startRelay({ history: 2 })
    const ann = await relay.open('/room/doc')
    const { connectionId } = await ann.json()
    for (const body of ['one', 'two', 'thrée']) ann.send({ type: 'content', body })
    await ann.settled()
    const ben = await relay.open('/room/doc')
    expect(await ben.json()).toMatchObject({ type: 'connected', userCount: 2 })
    expect(await ben.json()).toEqual({
      type: 'history',
      messages: ['two', 'thrée'].map((body) => ({
        type: 'content',
        body,
        connectionId,
        timestamp: expect.any(Number),
      })),
    })
    expect(await (await fetch(`${relay.http}/health`)).json()).toMatchObject({ history: { messages: 2 } })
  })

  it('is empty in a new room, and gone with the last member', async () => {
    const relay = await startRelay({ history: 10 })
    const ann = await relay.open('/room/doc')
    expect(await texts(ann)).toEqual(['connected', []])
    ann.send({ type: 'content', body: 1 })
    await ann.leave()
    const ben = await relay.open('/room/doc')
    expect(await texts(ben)).toEqual(['connected', []])
  })

  it('is not sent to a client that does not want it', async () => {
    const relay = await startRelay({ history: 10 })
    await relay.open('/room/doc')
    const ben = await relay.open('/room/doc?history=0')
    expect(await texts(ben)).toEqual(['connected'])
  })

  it('keeps nothing of other dialects, nor errors and notices', async () => {
    const relay = await startRelay({ history: 10 })
    const ann = await relay.open('/room/doc')
    ann.send('not json').send({ type: 'history', messages: [] })
    await (await relay.open('/room/doc')).leave()
    await ann.settled()
    expect(await texts(await relay.open('/room/doc'))).toEqual(['connected', []])
    const raw = await relay.open('/raw/doc')
    raw.send('hello')
    await raw.settled()
    expect(await (await relay.open('/raw/doc')).settled()).toEqual([])
  })

  it('continues with what follows without gap or repeat, while others keep talking', async () => {
    const relay = await startRelay({ history: 10_000, rateLimit: 0 })
    await joinMidway(relay, relay)
  })
})

describe('history on two nodes', () => {
  async function startNodes(options: RelayOptions): Promise<[TestRelay, TestRelay]> {
    const bus = new MemoryBus()
    return [
      await startRelay({ ...options, backplane: bus.connect() }),
      await startRelay({ ...options, backplane: bus.connect() }),
    ]
  }

  it('comes along when a node first hosts a room', async () => {
    const [one, two] = await startNodes({ history: 10 })
    const ann = await one.open('/room/doc')
    for (const body of [1, 2, 3]) ann.send({ type: 'content', body })
    await ann.settled()
    expect(await texts(await two.open('/room/doc'))).toEqual(['connected', [1, 2, 3]])
    expect(await texts(await two.open('/room/doc'))).toEqual(['connected', [1, 2, 3]])
  })

  it('outlives the node where a message was sent', async () => {
    const [one, two] = await startNodes({ history: 10 })
    const ann = await one.open('/room/doc')
    const ben = await two.open('/room/doc')
    await ben.settled()
    ann.send({ type: 'content', body: 1 })
    await expect.poll(async () => (await texts(ben)).includes(1)).toBe(true)
    await ann.leave()
    await expect.poll(async () => (await texts(ben)).includes('user-left')).toBe(true)
    expect(await texts(await one.open('/room/doc'))).toEqual(['connected', [1]])
  })

  it('comes whole, however long it may be', async () => {
    const [one, two] = await startNodes({ history: 40, historyBytes: '8MiB', maxMessageBytes: 2 ** 18, rateLimit: 0 })
    const ann = await one.open('/room/doc')
    const body = 'x'.repeat(2 ** 17)
    for (let i = 0; i < 40; i++) ann.send({ type: 'content', body })
    await ann.settled()
    const ben = await two.open('/room/doc')
    expect(await ben.json()).toMatchObject({ type: 'connected', userCount: 2 })
    expect((await ben.json())['messages']).toHaveLength(40)
  })

  it('continues without gap or repeat on a node that just opened the room', async () => {
    const [one, two] = await startNodes({ history: 10_000, rateLimit: 0 })
    await joinMidway(one, two)
  })
})

/** One client counts aloud while others join; each of them must know every number in the end, once and in order. */
async function joinMidway(here: TestRelay, there: TestRelay): Promise<void> {
  const ann = await here.open('/room/doc')
  let said = 0
  const counting = setInterval(() => {
    for (let i = 0; i < 5; i++) ann.send({ type: 'content', body: said++ })
  }, 1)
  onTestFinished(() => clearInterval(counting))
  const newcomers: Client[] = []
  for (let i = 0; i < 20; i++) {
    const client = await Client.open(`${there.url}/room/doc`)
    onTestFinished(() => client.drop())
    newcomers.push(client)
    if (i % 5 === 4) for (const each of newcomers.splice(0, 4)) each.drop()
  }
  clearInterval(counting)
  ann.send({ type: 'content', body: 'end' })
  for (const client of newcomers) {
    const heard: unknown[] = []
    while (heard.at(-1) !== 'end') {
      const { type, body, messages } = await client.json()
      if (type === 'history') heard.push(...(messages as { body: unknown }[]).map((message) => message.body))
      else if (type === 'content') heard.push(body)
    }
    expect(heard).toEqual([...Array.from({ length: said }, (_, n) => n), 'end'])
  }
}
