import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

/** What a service tells systemd, sd_notify(3). */
export type State = 'READY=1' | 'STOPPING=1' | 'WATCHDOG=1'

/** Reads one state a line and hands each on. A small process, since forking the relay itself may take long. */
const HELPER = 'while read -r state; do systemd-notify "$state"; done'

/**
 * Tells systemd how the relay is, where systemd wants to know (`Type=notify`); otherwise nothing. Node has no
 * Unix datagram sockets, so `systemd-notify` does the telling: the unit needs `NotifyAccess=all`. With
 * `WatchdogSec=` a sign of life goes out at half of that time, from the event loop whose life is in question.
 */
export class Systemd {
  readonly #pipe: Writable | undefined
  readonly #watchdog: NodeJS.Timeout | undefined

  /** @param env The environment, of which systemd sets `NOTIFY_SOCKET` and `WATCHDOG_USEC`. */
  constructor(env: Readonly<Record<string, string | undefined>>) {
    if (!env['NOTIFY_SOCKET']) return
    // No more than it needs: the rest may hold secrets.
    const { NOTIFY_SOCKET, PATH } = env
    const helper = spawn('sh', ['-c', HELPER], { env: { NOTIFY_SOCKET, PATH }, stdio: ['pipe', 'ignore', 'inherit'] })
    this.#pipe = helper.stdin
    // The end of the relay must not hang on it.
    helper.unref()
    // What cannot be told is not worth dying for: systemd sees the silence, and acts on it.
    helper.on('error', () => {})
    helper.stdin.on('error', () => {})
    const period = Number(env['WATCHDOG_USEC'] ?? 0) / 1000
    if (period > 0) this.#watchdog = setInterval(() => this.tell('WATCHDOG=1'), period / 2).unref()
  }

  tell(state: State): void {
    this.#pipe?.write(`${state}\n`)
  }

  /** Ends the telling, once all has been told. */
  end(): void {
    clearInterval(this.#watchdog)
    this.#pipe?.end()
  }
}
