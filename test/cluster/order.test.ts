import { describe, expect, it, onTestFinished } from 'vitest'
import { byMemory, Nodes } from '../support/nodes.js'

describe('a sender that turns from room to room within a turn (10.24)', () => {
  it('is heard in order on other nodes, too', async () => {
    const nodes = await Nodes.start(byMemory(2))
    const [sender, reader] = [await nodes.open(0, '/y-webrtc'), await nodes.open(1, '/y-webrtc')]
    onTestFinished(() => sender.drop())
    for (const client of [sender, reader]) {
      client.send({ type: 'subscribe', topics: ['a', 'b', 'c'] })
      client.send({ type: 'ping' })
      await client.json()
    }
    await nodes.settled()
    const numbers = Array.from({ length: 60 }, (_, n) => n)
    for (const n of numbers) sender.send({ type: 'publish', topic: 'abc'[n % 3], n })
    const heard: unknown[] = []
    for (const _ of numbers) heard.push((await reader.json())['n'])
    expect(heard).toEqual(numbers)
  })
})
