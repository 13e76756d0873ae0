import { afterAll, beforeAll, describe } from 'vitest'
import { membersSuite } from '../suites/members.js'
import { byMemory, byRedis } from '../support/nodes.js'
import { describeWithRedis, RedisServer } from '../support/redis.js'

describe('a relay that is alone', () => {
  membersSuite(1, () => () => [{}])
})

describe('two relays over memory', () => {
  membersSuite(2, () => byMemory)
})

describeWithRedis('two relays over Redis', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await RedisServer.run()
  })
  afterAll(() => server.stop())

  membersSuite(2, () => byRedis(server))
})
