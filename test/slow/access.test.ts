import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, onTestFinished, type TestContext } from 'vitest'
import type { RelayOptions } from '../../src/index.js'
import { Client } from '../support/client.js'
import { describeWithRedis, freePort, RedisCluster, RedisServer } from '../support/redis.js'
import { runRelay } from '../support/relay.js'
import { RelayCommand } from '../support/relay-command.js'
import { agree, talk, Witness } from '../support/witness.js'

/** Starts a relay for one test, and a member of each topic on it. */
async function startMember(
  id: string,
  options: RelayOptions,
  { finished = onTestFinished, topics = ['topic'] } = {},
): Promise<Witness[]> {
  const { url, stop } = await runRelay({ rateLimit: 0, ...options })
  finished(stop)
  return await Promise.all(topics.map((topic) => Witness.join({ url }, topic, id)))
}

/** Two relays, which may be reached by different URLs, have members that see and hear each other. */
async function converse({ onTestFinished: finished }: TestContext, first: string, second = first): Promise<void> {
  const ann = await startMember('ann', { redisUrl: first }, { finished })
  await agree([...ann, ...(await startMember('ben', { redisUrl: second }, { finished }))])
}

/** What a user of Redis has to be allowed: nothing else is used. */
const MINIMUM = ['resetchannels', '&baton:*', '-@all', '+subscribe', '+unsubscribe', '+publish', '+ping']
const CLUSTER = [
  'resetchannels',
  '&{p*}baton:*',
  '-@all',
  '+ssubscribe',
  '+sunsubscribe',
  '+spublish',
  '+cluster|slots',
  '+ping',
]

describeWithRedis(
  'access to Redis',
  () => {
    let redis: RedisServer
    beforeAll(async () => {
      redis = await RedisServer.run()
    })
    afterAll(() => redis.stop())

    it('needs no more than a few commands and its own channels', async (test) => {
      const { expect, onTestFinished } = test
      const own = await RedisServer.start([], onTestFinished)
      await own.command('ACL', 'SETUSER', 'least', 'on', '>p@ss/word', ...MINIMUM)
      await converse(test, own.urlFor('least', encodeURIComponent('p@ss/word')))
      // Long enough for a ping.
      await sleep(2500)
      expect(await own.command('ACL', 'LOG')).toEqual([])
    })

    it('works with a password alone', async (test) => {
      const own = await RedisServer.start(['--requirepass', 'secret'], test.onTestFinished)
      await converse(test, own.urlFor('', 'secret'))
    })

    it('takes the number of a database, which all share', async (test) => {
      await converse(test, `${redis.url}/3`, redis.url)
      await redis.command('ACL', 'SETUSER', 'third', 'on', '>word', ...MINIMUM, '+select')
      await converse(test, redis.urlFor('third', 'word', '/3'))
    })

    it.for([
      { what: 'a wrong password', rules: ['on', '>right', ...MINIMUM], why: 'WRONGPASS' },
      { what: 'other channels only', rules: ['on', '>wrong', 'resetchannels', '&other:*', '+@all'], why: 'NOPERM' },
      { what: 'too few commands', rules: ['on', '>wrong', '&*', '-@all', '+publish'], why: 'NOPERM' },
    ])('with $what, a relay says so, and serves alone', async ({ what, rules, why }, { expect, onTestFinished }) => {
      const user = what.replaceAll(' ', '-')
      await redis.command('ACL', 'SETUSER', user, ...rules)
      const relay = await RelayCommand.start({ REDIS_URL: redis.urlFor(user, 'wrong') }, onTestFinished)
      const lines = relay.log.filter((line) => line.includes('Cut off from the other nodes'))
      expect(lines).toHaveLength(1)
      expect(lines[0]).toContain(why)
      // What opens it is no business of whoever reads the log.
      expect(relay.log.join()).not.toContain('wrong@')
      expect(await relay.health()).toMatchObject({ status: 'degraded', code: 200, reasons: [expect.any(String)] })
      const [ann, ben] = [await Client.open(`${relay.url}/room/doc`), await Client.open(`${relay.url}/room/doc`)]
      expect(await ann.json()).toMatchObject({ type: 'connected', userCount: 1 })
      expect(await ben.json()).toMatchObject({ type: 'connected', userCount: 2 })
      // It finds in when it is let in.
      await redis.command('ACL', 'SETUSER', user, 'on', '>wrong', ...MINIMUM)
      await relay.is('healthy')
      expect(relay.count('Cut off from the other nodes')).toBe(1)
      expect(relay.count('In touch with the other nodes again')).toBe(1)
    })

    it('speaks TLS, to a server that a private authority vouches for', async ({ expect, onTestFinished }) => {
      const folder = mkdtempSync(join(tmpdir(), 'baton-redis-tls-'))
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
      const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
      const name = ['-subj', '/CN=redis', '-addext', 'subjectAltName=DNS:localhost']
      execFileSync('openssl', ['req', '-x509', ...curve, ...name, '-keyout', key, '-out', cert], { stdio: 'ignore' })
      const port = String(await freePort())
      const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert]
      await RedisServer.start(['--tls-port', port, '--tls-auth-clients', 'no', ...files], onTestFinished)
      const trusting = { REDIS_URL: `rediss://localhost:${port}`, NODE_EXTRA_CA_CERTS: cert }
      const relays = await Promise.all([
        RelayCommand.start(trusting, onTestFinished),
        RelayCommand.start(trusting, onTestFinished),
      ])
      await agree(await Promise.all(relays.map((relay, i) => Witness.join(relay, 'topic', String(i)))))
      // Whoever does not know the authority does not talk to the server.
      const wary = await RelayCommand.start({ REDIS_URL: `rediss://localhost:${port}` }, onTestFinished)
      expect(await wary.health()).toMatchObject({ status: 'degraded' })
      expect(await wary.logged('Cut off from the other nodes')).toMatch(/self-signed certificate/)
    })
  },
  { concurrent: true, timeout: 60_000 },
)

describeWithRedis(
  'a Redis Cluster',
  () => {
    let cluster: RedisCluster
    beforeAll(async () => {
      cluster = await RedisCluster.run()
    }, 60_000)
    afterAll(() => cluster.stop())

    const topics = Array.from({ length: 8 }, (_, i) => `topic${i}`)

    /** Members of several topics, which lie on different masters, on two relays. */
    async function members(): Promise<Witness[]> {
      const options = { redisUrl: cluster.url, redisCluster: true }
      const all = [
        ...(await startMember('ann', options, { topics })),
        ...(await startMember('ben', options, { topics })),
      ]
      await agreeAll(all)
      return all
    }

    async function agreeAll(witnesses: Witness[]): Promise<void> {
      await Promise.all(topics.map((topic) => agree(witnesses.filter((witness) => witness.topic === topic))))
    }

    /** Nobody's connection broke, and each was told of the other's join, once, and of nothing else. */
    function expectUndisturbed(witnesses: Witness[]): void {
      expect(witnesses.flatMap(({ closes }) => closes)).toEqual([])
      expect(witnesses.map((witness) => witness.told(witness.id === 'ann' ? 'ben' : 'ann'))).toEqual(
        witnesses.map(() => '+'),
      )
    }

    it('needs no more than a few commands and its own channels', async () => {
      for (const master of cluster.masters) await master.command('ACL', 'SETUSER', 'least', 'on', '>word', ...CLUSTER)
      const options = { redisUrl: cluster.masters[0]?.urlFor('least', 'word') ?? '', redisCluster: true }
      await agree([...(await startMember('ann', options)), ...(await startMember('ben', options))])
      for (const master of cluster.masters) expect(await master.command('ACL', 'LOG')).toEqual([])
    })

    it('comes together again when a master was dead and is back', async () => {
      const all = await members()
      const stop = talk(all, 50)
      await sleep(500)
      await cluster.masters[1]?.kill()
      // The fault has to last; no event tells that it has lasted.
      await sleep(2000)
      await cluster.masters[1]?.begin()
      await cluster.healthy()
      await agreeAll(all)
      stop()
      await agreeAll(all)
      expectUndisturbed(all)
    })

    it('follows slots that move to another master, from one that lives and from one that is dead', async () => {
      const all = await members()
      const stop = talk(all, 50)
      const [first, second, third] = cluster.masters as [RedisServer, RedisServer, RedisServer]
      await sleep(500)
      await cluster.move(third, second)
      await cluster.healthy()
      await agreeAll(all)
      // The one that the URL names: the others are known by now.
      await first.kill()
      await sleep(500)
      await cluster.move(first, second)
      await cluster.healthy([second, third])
      await agreeAll(all)
      stop()
      await agreeAll(all)
      expectUndisturbed(all)
    })
  },
  { timeout: 60_000 },
)
