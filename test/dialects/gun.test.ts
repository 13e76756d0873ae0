import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Relay } from '../../src/index.js'
import { runRelay, startRelay } from '../support/relay.js'

/** What a peer heard: which peer, the field, its value. */
type Heard = [peer: number, name: string, value: unknown]

/** Real GUN peers in a process of their own; gone at the end of the test. */
function gunPeers(
  url: string,
  count: number,
): { say(peer: number, value: string): void; heard(what: Heard): Promise<void> } {
  // GUN makes a folder where it runs, whatever its options say.
  const cwd = mkdtempSync(join(tmpdir(), 'gun-'))
  const child = fork(fileURLToPath(new URL('../support/gun-peers.js', import.meta.url)), [url, String(count)], {
    stdio: 'ignore',
    cwd,
  })
  onTestFinished(async () => {
    child.kill()
    await once(child, 'exit')
    rmSync(cwd, { recursive: true })
  })
  const seen = new Set<string>()
  let wake: (() => void) | undefined
  child.on('message', (heard: Heard) => {
    seen.add(JSON.stringify(heard))
    wake?.()
  })
  return {
    say: (peer, value) => void child.send([peer, value]),
    async heard(what) {
      while (!seen.has(JSON.stringify(what))) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

/** Resolves when so many connections have been opened at a relay from now on. */
async function opened(relay: Relay, count: number): Promise<void> {
  let left = count
  await new Promise<void>((resolve) => {
    relay.on('connection', () => {
      left--
      if (left === 0) resolve()
    })
  })
}

describe('GUN peers (10.15)', () => {
  it('hear each other, and PluresDB’s peers, which send the same JSON in binary frames', async () => {
    const { relay, open, http } = await startRelay()
    const topic = 'ab'.repeat(32)
    const pluresdb = await open(`/${topic.toUpperCase()}`)
    const both = opened(relay, 2)
    const peers = gunPeers(`${http}/gun/${topic}`, 2)
    await both
    peers.say(0, 'one')
    await peers.heard([1, 'peer 0', 'one'])
    peers.say(1, 'two')
    await peers.heard([0, 'peer 1', 'two'])
    const state = Date.now()
    const put = { room: { _: { '#': 'room', '>': { rust: state } }, rust: 'three' } }
    pluresdb.send(Buffer.from(JSON.stringify({ '#': 'from rust', put })))
    await peers.heard([0, 'rust', 'three'])
    await peers.heard([1, 'rust', 'three'])
    expect(await pluresdb.next()).toHaveProperty('text')
  })

  it('all come back after a drain, although the first do so before its end', { timeout: 30_000 }, async () => {
    const first = await runRelay()
    const all = opened(first.relay, 4)
    const peers = gunPeers(`${first.http}/gun`, 4)
    await all
    await first.relay.close({ drain: 3200 })
    const second = new Relay({ port: first.port, host: '127.0.0.1', logLevel: 'silent' })
    onTestFinished(async () => await second.close({ drain: 0 }))
    const back = opened(second, 4)
    await second.listen()
    await back
    peers.say(3, 'again')
    for (const peer of [0, 1, 2]) await peers.heard([peer, 'peer 3', 'again'])
  })
})
