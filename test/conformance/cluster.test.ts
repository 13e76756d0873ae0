import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Client } from '../support/client.js'
import { byMemory, byRedis, type Joint, Nodes } from '../support/nodes.js'
import { describeWithRedis, RedisServer } from '../support/redis.js'
import { replay, transcripts } from './replay.js'

const all = transcripts()

/** A question that is answered when all that the client asked before is done. */
const questions: Record<string, object> = { 'y-webrtc': { type: 'ping' }, pluresdb: { type: 'done?' } }

/** Waits until all that a client asked for is done. */
async function done(client: Client, question: object | undefined): Promise<void> {
  if (!question) return
  client.send(question)
  await client.json()
}

function conversations(joint: () => Joint): void {
  it.each(all.map((transcript) => [transcript.name, transcript] as const))('%s', async (_name, transcript) => {
    const nodes = await Nodes.start(joint()(2))
    const urls = nodes.relays.map(({ url }) => url)
    // Those who recorded it took their time.
    await replay(transcript, urls, `/${transcript.dialect}`.replace('/impossible-writer', '/'), async (clients) => {
      for (const client of clients) await done(client, questions[transcript.dialect])
      await nodes.settled()
    })
  })
}

describe('recorded conversations, with clients spread over two nodes', () => {
  describe('by memory', () => conversations(() => byMemory))

  describeWithRedis('by Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await RedisServer.run()
    })
    afterAll(() => server.stop())

    conversations(() => byRedis(server))
  })
})
