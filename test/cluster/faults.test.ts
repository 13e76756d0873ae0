import { it, type TestContext } from 'vitest'
import { RedisBackplane } from '../../src/cluster/redis.js'
import { Line } from '../suites/backplane.js'
import { TcpProxy } from '../support/proxy.js'
import { describeWithRedis, RedisServer } from '../support/redis.js'

/** Starts a backplane for one test, and does not wait for its connection. */
function begin(url: string, { onTestFinished }: TestContext): Line {
  const line = new Line(new RedisBackplane({ url, cluster: false }))
  onTestFinished(() => line.backplane.stop())
  line.backplane.start(line)
  return line
}

async function connect(url: string, test: TestContext): Promise<Line> {
  const line = begin(url, test)
  await line.until(() => line.ups > 0)
  return line
}

describeWithRedis(
  'the connection to Redis',
  () => {
    it('is given up if it is accepted and nothing answers, and made again', async (test) => {
      const { expect, onTestFinished } = test
      const server = await RedisServer.start([], onTestFinished)
      const proxy = await TcpProxy.start(server, onTestFinished)
      proxy.hole()
      const line = begin(proxy.url, test)
      await line.until(() => line.outages.length > 0)
      expect(line.outages).toEqual(['silent'])
      // What was lost in the hole stays there.
      proxy.cut()
      proxy.heal()
      await line.until(() => line.ups > 0)
    })

    it('stops although nothing answers', async (test) => {
      const { expect, onTestFinished } = test
      const server = await RedisServer.start([], onTestFinished)
      const proxy = await TcpProxy.start(server, onTestFinished)
      const line = await connect(proxy.url, test)
      proxy.hole()
      void line.publish('x', 'lost')
      const before = performance.now()
      await line.backplane.stop()
      expect(performance.now() - before).toBeLessThan(5000)
    })

    it('is given up if nothing moves on it any more', async (test) => {
      const { expect, onTestFinished } = test
      const server = await RedisServer.start([], onTestFinished)
      const proxy = await TcpProxy.start(server, onTestFinished)
      const line = await connect(proxy.url, test)
      proxy.hole()
      const before = performance.now()
      await line.until(() => line.outages.length > 0)
      expect(performance.now() - before).toBeLessThan(10_000)
      proxy.heal()
      await line.until(() => line.ups === 2)
    })

    it('is given up if what is published is not answered, although more and more is', async (test) => {
      const { expect, onTestFinished } = test
      const server = await RedisServer.start([], onTestFinished)
      const proxy = await TcpProxy.start(server, onTestFinished)
      const line = await connect(proxy.url, test)
      proxy.stall()
      const talk = setInterval(() => void line.publish('x', 'is anybody there?'), 100)
      onTestFinished(() => clearInterval(talk))
      const before = performance.now()
      await line.until(() => line.outages.length > 0)
      expect(performance.now() - before).toBeLessThan(15_000)
    })

    it('never sends again what was not answered', async (test) => {
      const { expect, onTestFinished } = test
      const server = await RedisServer.start([], onTestFinished)
      const proxy = await TcpProxy.start(server, onTestFinished)
      const [a, b] = [await connect(proxy.url, test), await connect(server.url, test)]
      await b.backplane.subscribe('x')
      // The frames arrive, and their answers do not.
      proxy.stall()
      const answers = Array.from({ length: 50 }, (_, n) => a.publish('x', `once ${n}`))
      await b.hears('x', 'once 49')
      proxy.cut()
      proxy.heal()
      expect(await Promise.all(answers)).toEqual(answers.map(() => undefined))
      await a.until(() => a.ups === 2)
      await a.publish('x', 'end')
      await b.hears('x', 'end')
      expect(b.textsOn('x')).toEqual([...answers.map((_, n) => `once ${n}`), 'end'])
    })

    it('says when Redis has cut it for reading too slowly, and hears again', async (test) => {
      const { expect, onTestFinished } = test
      const server = await RedisServer.start(['--client-output-buffer-limit', 'pubsub 1mb 0 0'], onTestFinished)
      const proxy = await TcpProxy.start(server, onTestFinished)
      const [slow, quick] = [await connect(proxy.url, test), await connect(server.url, test)]
      await slow.backplane.subscribe('x')
      proxy.stall()
      const frame = Buffer.alloc(2 ** 20)
      // More than all sockets on the way hold.
      for (let n = 0; n < 40; n++) await quick.backplane.publish('x', frame)
      proxy.heal()
      await slow.until(() => slow.ups === 2)
      expect(slow.heard.length).toBeLessThan(40)
      await quick.publish('x', 'end')
      await slow.hears('x', 'end')
    })
  },
  { concurrent: true },
)
