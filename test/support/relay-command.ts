import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Health } from '../../src/index.js'
import { spawnBound } from './child.js'

const command = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** A relay as an operator runs it: the built command, in a process of its own, told by its environment. */
export class RelayCommand {
  /** What it has logged, a line each. */
  readonly log: string[] = []
  readonly #process: ChildProcess
  readonly #exited: Promise<unknown>
  /** `ws://127.0.0.1:port` */
  url = ''

  private constructor(env: Readonly<Record<string, string>>) {
    const { PATH = '' } = process.env
    this.#process = spawnBound(process.execPath, [command], {
      env: { PATH, PORT: '0', HOST: '127.0.0.1', RATE_LIMIT: '0', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#exited = once(this.#process, 'exit')
    if (this.#process.stdout) {
      createInterface({ input: this.#process.stdout }).on('line', (line) => this.log.push(line))
    }
  }

  /** Starts one for one test, and waits until it listens. */
  static async start(env: Readonly<Record<string, string>>, finished = onTestFinished): Promise<RelayCommand> {
    const relay = new RelayCommand(env)
    finished(async () => {
      relay.signal('SIGKILL')
      await relay.#exited
    })
    const listening = await relay.logged('Relay listening')
    relay.url = `ws://127.0.0.1:${/"port":(\d+)/.exec(listening)?.[1]}`
    return relay
  }

  /** What `GET /health` says, and with which status. */
  async health(): Promise<Health & { code: number }> {
    const response = await fetch(`${this.url.replace('ws', 'http')}/health`)
    return { ...((await response.json()) as Health), code: response.status }
  }

  /** Waits until `GET /health` says so, and tells how long that took, in milliseconds. */
  async is(status: Health['status']): Promise<number> {
    const before = performance.now()
    while ((await this.health()).status !== status) await sleep(50)
    return performance.now() - before
  }

  /** Waits for a line in the log that has this text. */
  async logged(text: string): Promise<string> {
    for (;;) {
      const line = this.log.find((each) => each.includes(text))
      if (line !== undefined) return line
      if (this.#process.exitCode !== null) throw new Error(`The relay has ended:\n${this.log.join('\n')}`)
      await sleep(10)
    }
  }

  /** How many lines of the log have this text. */
  count(text: string): number {
    return this.log.filter((line) => line.includes(text)).length
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Waits for its end. */
  async exit(): Promise<number | null> {
    await this.#exited
    return this.#process.exitCode
  }
}
