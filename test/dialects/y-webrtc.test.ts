import { describe, expect, it } from 'vitest'
import { startRelay } from '../support/relay.js'

describe('y-webrtc', () => {
  it('ignores what is subscribed already, named twice, or not there to be left', async () => {
    const { open, relay } = await startRelay()
    const client = await open('/y-webrtc')
    client.send({ type: 'subscribe', topics: ['a', 'a'] })
    client.send({ type: 'subscribe', topics: ['a', 'b'] })
    client.send({ type: 'unsubscribe', topics: ['c'] })
    client.send({ type: 'publish', topic: 'a', data: 1 })
    expect(await client.json()).toEqual({ type: 'publish', topic: 'a', data: 1, clients: 1 })
    expect(await client.settled()).toEqual([])
    expect(relay.stats().currentRooms).toBe(2)
    client.send({ type: 'unsubscribe', topics: ['a', 'b'] })
    await client.settled()
    expect(relay.stats().currentRooms).toBe(0)
  })

  it('keeps all fields of a publish, and sets clients itself', async () => {
    const { open } = await startRelay()
    const client = await open('/')
    client.send({ type: 'subscribe', topics: ['a'] })
    client.send('{ "type": "publish", "extra": {"deep": ["}"]}, "topic": "a" } ')
    expect(await client.json()).toEqual({ type: 'publish', topic: 'a', extra: { deep: ['}'] }, clients: 1 })
    client.send({ type: 'publish', topic: 'a', clients: 'many' })
    expect(await client.json()).toEqual({ type: 'publish', topic: 'a', clients: 1 })
  })

  it('relays a publish to the last digit without the clients that it claims, at any depth (10.12)', async () => {
    const { open } = await startRelay()
    const client = await open('/')
    client.send({ type: 'subscribe', topics: ['a'] })
    const deep = `${'['.repeat(50_000)}1.10${']'.repeat(50_000)}`
    client.send(`{"type":"publish","topic":"a","cl\\u0069ents":8,"deep":${deep}}`)
    expect(await client.next()).toEqual({ text: `{"type":"publish","topic":"a","deep":${deep},"clients":1}` })
  })

  it('has room for a page with very many documents (10.18)', async () => {
    const { open, relay } = await startRelay()
    const client = await open('/')
    for (let i = 0; i < 101; i++) client.send({ type: 'subscribe', topics: [`document ${i}`] })
    client.send({ type: 'publish', topic: 'document 100', text: 'here' })
    expect(await client.json()).toEqual({ type: 'publish', topic: 'document 100', text: 'here', clients: 1 })
    expect(relay.stats().currentRooms).toBe(101)
  })

  it('caps the topics of a connection, and of a message, and does nothing of what goes beyond', async () => {
    const { open, relay } = await startRelay({ maxTopics: 3 })
    const client = await open('/')
    const error = { type: 'error', message: 'Too many topics: at most 3 a connection' }
    client.send({ type: 'subscribe', topics: ['a', 'b', 'c', 'd'] })
    // The first message decided the dialect all the same.
    expect(await client.json()).toEqual(error)
    client.send({ type: 'subscribe', topics: ['a', 'b'] })
    client.send({ type: 'subscribe', topics: ['c', 'd'] })
    expect(await client.json()).toEqual(error)
    expect(relay.stats().currentRooms).toBe(2)
    client.send({ type: 'subscribe', topics: ['a', 'b', 'c'] })
    client.send({ type: 'unsubscribe', topics: ['a', 'b', 'c', 'd'] })
    expect(await client.json()).toEqual(error)
    expect(relay.stats().currentRooms).toBe(3)
  })

  it.each([
    ['not json', 'Invalid message: not JSON'],
    ['null', 'Invalid message: a JSON object with a type is required'],
    ['{"type":"shout"}', 'Unknown message type'],
    ['{"type":"subscribe"}', 'topics must be a list of strings of 1 to 256 characters'],
    ['{"type":"subscribe","topics":"a"}', 'topics must be a list of strings of 1 to 256 characters'],
    ['{"type":"subscribe","topics":["a",7]}', 'topics must be a list of strings of 1 to 256 characters'],
    ['{"type":"unsubscribe","topics":[""]}', 'topics must be a list of strings of 1 to 256 characters'],
    ['{"type":"publish","data":1}', 'topic must be a string of 1 to 256 characters'],
    ['{"type":5}', 'Invalid message: a JSON object with a type is required'],
    ['{"type":"subscribe","topics":[["a"]]}', 'topics must be a list of strings of 1 to 256 characters'],
    ['{"type":"ping","type":"publish","topic":"a"}', 'Invalid message: "type" is there twice'],
    ['{"type":"publish","topic":"secret","topic":"a"}', 'Invalid message: "topic" is there twice'],
    ['{"type":"publish","topic":"a","clients":1,"clients":2}', 'Invalid message: "clients" is there twice'],
    ['{"cl\\u0069ents":1,"type":"publish","topic":"a","clients":1}', 'Invalid message: "clients" is there twice'],
    [`{"type":"publish","topic":"${'x'.repeat(257)}"}`, 'topic must be a string of 1 to 256 characters'],
  ])('answers %.40s with an error and stays', async (text, message) => {
    const { open, relay } = await startRelay()
    const client = await open('/y-webrtc')
    client.send(text)
    expect(await client.json()).toEqual({ type: 'error', message })
    expect(relay.stats().currentRooms).toBe(0)
    client.send({ type: 'ping' })
    expect(await client.json()).toEqual({ type: 'pong' })
  })
})
