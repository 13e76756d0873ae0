// Attacks a relay while a normal conversation goes on in it, and fails if the conversation suffers.
// With --short each attack lasts until it has been turned away, and latencies are told and not judged.
import { execFileSync, fork } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { attacks } from './attacks.js'
import { Conversation } from './conversation.js'
import { MAX_KEPT, MAX_PEAK, scriptOf, Victim } from './victim.js'

const short = process.argv.includes('--short')
/** Milliseconds of each attack at least. */
const DURATION = short ? 500 : 10_000
/** Milliseconds after which an attack should have been turned away. */
const PATIENCE = 20_000
/** How far the 99th percentile of the latency may rise over that of the quiet relay. */
const MAX_RATIO = 3

/** What an operator of a public relay would set, with deadlines short enough to be seen. */
const OPTIONS = {
  logLevel: 'warn',
  maxConnectionsPerIp: short ? 30 : 100,
  connectionRatePerIp: short ? 80 : 200,
  joinTimeout: short ? 500 : 2000,
  heartbeatInterval: 1000,
  byteRate: '2MiB',
  maxBufferedBytes: '1MiB',
}

/** @typedef {import('./attacks.js').Attack} Attack */
/** @typedef {import('./conversation.js').Outcome} Outcome */
/** @typedef {import('./victim.js').Measure} Measure */

/** The names under which an attack is turned away, with how often it was since `before`. */
class Refusals {
  /** @type {Map<string, number>} */
  #now = new Map()

  /**
   * @param {Victim} victim
   * @param {readonly string[]} names
   * @param {Map<string, number>} before
   */
  constructor(victim, names, before) {
    this.victim = victim
    this.names = names
    this.before = before
  }

  /** @returns {[string, number][]} */
  get counts() {
    return this.names.map((name) => [name, (this.#now.get(name) ?? 0) - (this.before.get(name) ?? 0)])
  }

  get all() {
    return this.counts.every(([, count]) => count > 0)
  }

  async read() {
    this.#now = await this.victim.turnedAway()
  }

  /** Reads until all have been seen. */
  async await() {
    const deadline = performance.now() + PATIENCE
    while (!this.all && performance.now() < deadline) {
      await sleep(100)
      await this.read()
    }
  }
}

/**
 * @param {Attack} attack
 * @param {Victim} victim
 * @param {Conversation} conversation
 * @param {import('node:child_process').ChildProcess} attacker
 * @param {readonly string[]} addresses
 */
async function withstand(attack, victim, conversation, attacker, addresses) {
  await victim.measure()
  // Anew each time: the machine may have other things to do.
  const quiet = await conversation.talk(DURATION / 2)
  const before = await victim.measure()
  const refusals = new Refusals(victim, attack.refused, await victim.turnedAway())
  attacker.send({ attack: attack.name, port: victim.port, addresses })
  let over = false
  const seen = refusals.await().finally(() => {
    over = true
  })
  const attacked = await conversation.talk(DURATION, () => over)
  await seen
  const during = await victim.measure()
  await refusals.read()
  attacker.send('stop')
  await once(attacker, 'message')
  const after = await victim.calm(before)
  const ratio = attacked.p99 / quiet.p99
  // What the relay itself makes others wait is known apart from what the machine does.
  const own = (quiet.p99 + during.own) / quiet.p99
  const faults = [
    attacked.lost > 0 && `${attacked.lost} messages lost`,
    during.peak > before.peak + MAX_PEAK && 'too much memory',
    after.used > before.used + MAX_KEPT && 'memory is kept',
    after.currentConnections !== before.currentConnections && 'connections are left',
    ...refusals.counts.map(([name, count]) => count === 0 && `nobody was refused as ${name}`),
    !short &&
      !attack.stalls &&
      ratio > MAX_RATIO &&
      own > MAX_RATIO &&
      `p99 is ${ratio.toFixed(1)} times the quiet one`,
  ].filter((fault) => fault !== false)
  print([
    attack.name,
    attacked.sent,
    attacked.lost,
    quiet.p99.toFixed(1),
    attacked.p99.toFixed(1),
    ratio.toFixed(1),
    during.own.toFixed(1),
    during.longest.toFixed(1),
    Math.round(during.peak / 2 ** 20),
    [...refusals.counts.map((pair) => pair.join(' ')), ...faults.map((fault) => `FAILED: ${fault}`)].join(', '),
  ])
  return faults.length === 0
}

/** Under which address the next attack comes. */
let network = 0

/**
 * @param {Record<string, unknown>} options
 * @param {readonly Attack[]} chosen
 * @param {string} query
 */
async function campaign(options, chosen, query = '') {
  if (chosen.length === 0) return 0
  const victim = await Victim.start({ ...OPTIONS, ...options })
  const attacker = fork(scriptOf('attacker.js'))
  const scheme = victim.tls ? 'wss' : 'ws'
  const conversation = await Conversation.open(`${scheme}://127.0.0.1:${victim.port}/raw/conversation${query}`)
  await conversation.talk(2000) // Until the compiler knows the way.
  let failed = 0
  for (const attack of chosen) {
    network++
    const addresses = [2, 3, 4, 5].map((last) => `127.0.${network}.${last}`)
    if (!(await withstand(attack, victim, conversation, attacker, addresses))) failed++
  }
  conversation.close()
  attacker.kill()
  victim.stop()
  return failed
}

const WIDTHS = [38, 8, 4, 7, 7, 5, 6, 7, 4, 0]

/** @param {(string | number)[]} cells */
function print(cells) {
  const last = cells.length - 1
  const line = cells.map((cell, i) => {
    const width = WIDTHS[i] ?? 0
    return i === 0 ? String(cell).padEnd(width) : i === last ? String(cell) : String(cell).padStart(width)
  })
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

const JWT_SECRET = 'the secret of the attacked relay.'

/** A token for the conversation. */
function createToken() {
  const claims = { rooms: ['raw/conversation'], exp: Math.floor(Date.now() / 1000) + 3600 }
  const parts = [{ alg: 'HS256' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  return `${parts.join('.')}.${createHmac('sha256', JWT_SECRET).update(parts.join('.')).digest('base64url')}`
}

const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const chosen = attacks.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)))
/** @param {Attack['against']} relay */
function against(relay) {
  return chosen.filter((attack) => (attack.against ?? 'plain') === relay)
}

print(['attack', 'messages', 'lost', 'quiet', 'p99 ms', 'ratio', 'own', 'longest', 'MiB', 'refused'])
const guards = { jwtSecret: JWT_SECRET, allowedOrigins: 'https://app.example', stunUrls: 'stun:stun.example' }
const failed =
  (await campaign({}, against('plain'))) +
  (await campaign(createCertificate(), against('tls'))) +
  (await campaign(guards, against('guarded'), `?token=${createToken()}`))
if (failed > 0) process.stdout.write(`${failed} attacks did harm\n`)
process.exitCode = failed > 0 ? 1 : 0
