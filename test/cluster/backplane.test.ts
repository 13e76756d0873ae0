import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { MemoryBus } from '../../src/cluster/memory-bus.js'
import { RedisBackplane } from '../../src/cluster/redis-backplane.js'
import { backplaneSuite } from '../suites/backplane.js'
import { describeWithRedis, RedisCluster, RedisServer } from '../support/redis.js'

describe('memory', () => {
  const bus = new MemoryBus()
  backplaneSuite(() => ({ connect: () => bus.connect(), counts: true }))
})

describeWithRedis('redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await RedisServer.run()
  })
  afterAll(() => server.stop())

  backplaneSuite(() => ({
    connect: () => new RedisBackplane({ url: server.url, cluster: false }),
    counts: true,
    outage: { begin: () => server.kill(), end: () => server.begin() },
  }))

  it('carries large frames in fewer turns of a busy event loop than there are frames', async () => {
    const backplane = new RedisBackplane({ url: server.url, cluster: false })
    onTestFinished(() => backplane.stop())
    await new Promise<void>((up) => backplane.start({ message: () => {}, up, down: () => {} }))
    let answered = 0
    const answer = (): unknown => answered++
    for (let i = 0; i < 60; i++) void backplane.publish('loud', Buffer.alloc(100 * 1024)).then(answer)
    let turns = 0
    for (; answered < 60; turns++) {
      const start = performance.now()
      while (performance.now() - start < 10);
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(turns).toBeLessThan(40)
  })
})

describeWithRedis('redis cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await RedisCluster.run()
  }, 60_000)
  afterAll(() => cluster.stop())

  backplaneSuite(() => ({
    connect: () => new RedisBackplane({ url: cluster.url, cluster: true }),
    counts: false,
    outage: {
      begin: async () => {
        for (const master of cluster.masters) await master.kill()
      },
      end: async () => {
        await Promise.all(cluster.masters.map((master) => master.begin()))
        await cluster.healthy()
      },
    },
  }))
})
