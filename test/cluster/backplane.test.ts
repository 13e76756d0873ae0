import { afterAll, beforeAll, describe } from 'vitest'
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
