import { fork } from 'node:child_process'
import { once } from 'node:events'
import { request as requestPlain } from 'node:http'
import { request as requestOverTls } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** How far the relay's memory may rise over what it was before, in bytes: while it is attacked, and after. */
export const MAX_PEAK = 200 * 2 ** 20
export const MAX_KEPT = 16 * 2 ** 20

/** How long the relay may take to forget an attack, in milliseconds. */
const PATIENCE = 20_000

const ADMIN_TOKEN = 'the-token-that-nobody-guesses'

/**
 * @typedef {object} Measure
 * @property {number} own How long 99 of 100 moments had to wait for what the relay was busy with, in milliseconds of its CPU time.
 * @property {number} longest The longest wait of that kind.
 * @property {number} peak The most memory of the process since the last measure, in bytes.
 * @property {number} used Memory that cannot be freed, in bytes.
 * @property {number} currentConnections
 */

/** @param {string} file */
export function scriptOf(file) {
  return fileURLToPath(new URL(file, import.meta.url))
}

/** The relay that is attacked. */
export class Victim {
  #asked = 0

  /** @param {Record<string, unknown>} options Of the relay. */
  static async start(options) {
    const process = fork(scriptOf('relay.js'), [JSON.stringify({ ...options, adminToken: ADMIN_TOKEN })], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const [{ port }] = await once(process, 'message')
    return new Victim(process, port, options['enableTls'] === true)
  }

  /**
   * @param {import('node:child_process').ChildProcess} process
   * @param {number} port
   * @param {boolean} tls
   */
  constructor(process, port, tls) {
    this.process = process
    this.port = port
    this.tls = tls
  }

  /** @returns {Promise<Measure>} */
  async measure() {
    const answer = once(this.process, 'message')
    this.process.send('measure')
    const [measure] = await answer
    return measure
  }

  /**
   * How many were turned away, by the names that the metrics have for it.
   *
   * @returns {Promise<Map<string, number>>}
   */
  async turnedAway() {
    const text = await this.#page('/metrics')
    const lines = text.matchAll(/^baton_(?:limits_hit|denied|handshakes_failed)_total\{reason="(.+)"\} (\d+)$/gm)
    return new Map([...lines].map(([, name = '', count]) => [name, Number(count)]))
  }

  /**
   * Waits until the attackers' connections are gone, and what was kept for them.
   *
   * @param {Measure} before
   */
  async calm(before) {
    const deadline = performance.now() + PATIENCE
    for (;;) {
      const measure = await this.measure()
      const calm = measure.currentConnections === before.currentConnections && measure.used < before.used + MAX_KEPT
      if (calm || performance.now() > deadline) return measure
      await sleep(100)
    }
  }

  stop() {
    this.process.kill()
  }

  /**
   * @param {string} path
   * @returns {Promise<string>}
   */
  async #page(path) {
    const request = this.tls ? requestOverTls : requestPlain
    // From another address each time, of which one may not connect as often as this asks.
    const localAddress = `127.1.0.${(this.#asked++ % 250) + 1}`
    const where = { port: this.port, host: '127.0.0.1', localAddress, path, agent: false, rejectUnauthorized: false }
    const asking = request({ ...where, headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } }).end()
    const [response] = await once(asking, 'response')
    let text = ''
    for await (const piece of response) text += piece
    return text
  }
}
