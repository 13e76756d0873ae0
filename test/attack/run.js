// Attacks a relay while a normal conversation goes on in it, and fails if the conversation suffers.
// With --short each attack has but a moment, and latencies are told and not judged.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { attacks } from './attacks.js'
import { Conversation } from './conversation.js'

const short = process.argv.includes('--short')
const SECONDS = short ? 3 : 10
/** How far the 99th percentile of the latency may rise over that of the quiet relay. */
const MAX_RATIO = 3
/** How far the relay's memory may rise, in bytes: while it is attacked, and after. */
const MAX_PEAK = 200 * 2 ** 20
const MAX_KEPT = 16 * 2 ** 20

/** What an operator of a public relay would set, with deadlines short enough to be seen. */
const OPTIONS = {
  logLevel: 'warn',
  maxConnectionsPerIp: 100,
  connectionRatePerIp: 200,
  joinTimeout: 2000,
  heartbeatInterval: 1000,
  byteRate: '2MiB',
  maxBufferedBytes: '1MiB',
  adminToken: 'the token that nobody guesses',
}

/** @typedef {{ turnedAway: Record<string, number>, peak: number, used: number, currentConnections: number }} Measure */
/** @typedef {import('./conversation.js').Outcome} Outcome */

/** @param {string} file */
function scriptOf(file) {
  return fileURLToPath(new URL(file, import.meta.url))
}

class TargetRelay {
  /** @param {object} options */
  static async start(options) {
    const process = fork(scriptOf('relay.js'), [JSON.stringify(options)], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const [{ port }] = await once(process, 'message')
    return new TargetRelay(process, port)
  }

  /**
   * @param {import('node:child_process').ChildProcess} process
   * @param {number} port
   */
  constructor(process, port) {
    this.process = process
    this.port = port
  }

  /** @returns {Promise<Measure>} */
  async measure() {
    const answer = once(this.process, 'message')
    this.process.send('measure')
    const [measure] = await answer
    return measure
  }

  /**
   * Waits until the attackers' connections are gone, and what was kept for them.
   *
   * @param {Measure} before
   */
  async calm(before) {
    const deadline = performance.now() + 15_000
    for (;;) {
      await sleep(500)
      const measure = await this.measure()
      const calm = measure.currentConnections === before.currentConnections && measure.used < before.used + MAX_KEPT
      if (calm || performance.now() > deadline) return measure
    }
  }
}

/**
 * @param {Outcome} quiet
 * @param {Outcome} attacked
 * @param {Measure} before
 * @param {Measure} during
 * @param {Measure} after
 * @param {import('./attacks.js').Attack} attack
 */
function verdict(quiet, attacked, before, during, after, { refused, stalls = false }) {
  const counts = refused.map((name) => [name, (during.turnedAway[name] ?? 0) - (before.turnedAway[name] ?? 0)])
  const ratio = attacked.p99 / quiet.p99
  const faults = [
    attacked.lost > 0 && `${attacked.lost} messages lost`,
    !short && !stalls && ratio > MAX_RATIO && `p99 is ${ratio.toFixed(1)} times that of the quiet relay`,
    during.peak > before.peak + MAX_PEAK && 'too much memory',
    after.used > before.used + MAX_KEPT && 'memory is kept',
    after.currentConnections !== before.currentConnections && 'connections are left',
    ...counts.map(([name, count]) => count === 0 && `nobody was refused as ${name}`),
  ].filter((fault) => fault !== false)
  return { counts, ratio, faults }
}

/**
 * @param {object} options
 * @param {readonly import('./attacks.js').Attack[]} chosen
 * @param {string} scheme
 */
async function campaign(options, chosen, scheme) {
  const relay = await TargetRelay.start({ ...OPTIONS, ...options })
  const attacker = fork(scriptOf('attacker.js'))
  const conversation = await Conversation.open(`${scheme}://127.0.0.1:${relay.port}`)
  await conversation.talk(2000) // Until the compiler knows the way.
  let failed = 0
  for (const [index, attack] of chosen.entries()) {
    const { name } = attack
    // Anew each time: the machine may have other things to do.
    const quiet = await conversation.talk(SECONDS * 500)
    const before = await relay.measure()
    const addresses = [2, 3, 4, 5].map((last) => `127.0.${index + 1}.${last}`)
    attacker.send({ attack: name, port: relay.port, addresses })
    const attacked = await conversation.talk(SECONDS * 1000)
    const during = await relay.measure()
    attacker.send('stop')
    await once(attacker, 'message')
    const after = await relay.calm(before)
    const { counts, ratio, faults } = verdict(quiet, attacked, before, during, after, attack)
    if (faults.length > 0) failed++
    print([
      name,
      attacked.sent,
      attacked.lost,
      attacked.p50.toFixed(2),
      attacked.p99.toFixed(2),
      quiet.p99.toFixed(2),
      `${ratio.toFixed(1)} x`,
      `${Math.round(during.peak / 2 ** 20)} MiB`,
      [...counts.map((pair) => pair.join(' ')), ...faults.map((fault) => `FAILED: ${fault}`)].join(', '),
    ])
  }
  conversation.close()
  for (const child of [attacker, relay.process]) child.kill()
  return failed
}

const WIDTHS = [31, 8, 5, 7, 7, 7, 7, 8, 0]

/** @param {(string | number)[]} cells */
function print(cells) {
  const line = cells.map((cell, i) =>
    i === 0 ? String(cell).padEnd(WIDTHS[i] ?? 0) : String(cell).padStart(i === 8 ? 0 : (WIDTHS[i] ?? 0)),
  )
  process.stdout.write(`${line.join('  ')}\n`)
}

/** A certificate for the relay with TLS. */
function createCertificate() {
  const folder = mkdtempSync(join(tmpdir(), 'baton-attack-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const [tlsCert, tlsKey] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'
  execFileSync('openssl', [...request.split(' '), '-keyout', tlsKey, '-out', tlsCert], { stdio: 'ignore' })
  return { enableTls: true, tlsCert, tlsKey }
}

const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const chosen = attacks.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)))
print(['attack', 'messages', 'lost', 'p50 ms', 'p99 ms', 'quiet', 'ratio', 'peak RSS', 'refused'])
let failed = await campaign(
  {},
  chosen.filter(({ tls }) => !tls),
  'ws',
)
const overTls = chosen.filter(({ tls }) => tls)
if (overTls.length > 0) failed += await campaign(createCertificate(), overTls, 'wss')
if (failed > 0) process.stdout.write(`${failed} attacks did harm\n`)
process.exitCode = failed > 0 ? 1 : 0
