import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { encodeFrame, Opcode } from '../../src/core/frame.js'
import { spawnBound } from '../support/child.js'
import { hasEthernet, plugIn } from '../support/ethernet.js'
import { forkRelay } from '../support/fork.js'
import { describeWith } from '../support/needs.js'

const MEGABYTE = 2 ** 20

interface Outcome {
  /** Readers that got all of it. */
  whole: number
  /** Those that lost their connection. */
  cut: number
  /** Whether what came is what was sent. */
  intact: boolean
}

/** Sends messages to a room on another machine, whose members read as fast as they can. */
async function broadcast(rate: string, tls: boolean, readers: number, messages: number) {
  const { host, enter } = plugIn(rate)
  const options = { host, enableTls: tls, heartbeatInterval: 0 }
  const { url, open, measure } = await forkRelay(options)
  const path = '/raw/room'
  const room = JSON.stringify({ host, port: Number(new URL(url).port), tls, path, readers })
  const script = fileURLToPath(new URL('../support/readers.js', import.meta.url))
  const [command = '', ...args] = [...enter, process.execPath, script, room]
  const crowd = spawnBound(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  onTestFinished(() => void crowd.kill('SIGKILL'))
  await once(crowd, 'message')
  const sender = await open(path, { rejectUnauthorized: false })
  const all = createHash('sha256')
  let bytes = 0
  for (let i = 0; i < messages; i++) {
    const payload = randomBytes(1000 * 1024)
    const frame = encodeFrame(Opcode.binary, payload)
    all.update(frame)
    bytes += frame.length
    sender.send(payload)
  }
  crowd.send({ bytes, digest: all.digest('hex') })
  const [outcome] = (await once(crowd, 'message')) as [Outcome]
  return { outcome, ...(await measure()) }
}

// Both sides of the room's machine stand for many: what one process reads is less than what 900 computers do.
describeWith('right to make network namespaces with `ip` and `tc`', hasEthernet(), 'readers on an Ethernet', () => {
  for (const tls of [false, true]) {
    const over = tls ? 'over TLS' : 'without TLS'

    it(`all 900 of a room get a message of 1,000 KiB ${over} (10.7)`, async () => {
      const { outcome, peakRss, stats } = await broadcast('1gbit', tls, 900, 1)
      expect(outcome).toEqual({ whole: 900, cut: 0, intact: true })
      expect(stats.currentConnections).toBe(901)
      // 900 times the message would be 880 MiB.
      expect(peakRss).toBeLessThan(300 * MEGABYTE)
    })

    it(`all 20 of a room get 12 messages of 1,000 KiB sent at once ${over} (10.8)`, async () => {
      const { outcome, stats } = await broadcast('400mbit', tls, 20, 12)
      expect(outcome).toEqual({ whole: 20, cut: 0, intact: true })
      expect(stats.currentConnections).toBe(21)
    })
  }
})
