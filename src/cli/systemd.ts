import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'

/** The states that a service sends to systemd, sd_notify(3). */
export type State = 'READY=1' | 'STOPPING=1' | 'WATCHDOG=1'

/** Reads one state per line and sends each. It is a small process, because forking the relay itself may take long. */
const HELPER = 'while read -r state; do systemd-notify "$state"; done'

/**
 * Sends the state of the relay to systemd, if systemd asks for it (`Type=notify`). Node has no Unix datagram sockets,
 * so `systemd-notify` sends it, and the unit needs `NotifyAccess=all`. With `WatchdogSec=` the event loop sends a
 * keep-alive at half of that time.
 */
export class Systemd {
  readonly #pipe: Writable | undefined
  readonly #watchdog: NodeJS.Timeout | undefined

  /** @param env The environment, of which systemd sets `NOTIFY_SOCKET` and `WATCHDOG_USEC`. */
  constructor(env: Readonly<Record<string, string | undefined>>) {
    if (!env['NOTIFY_SOCKET']) return
    // Only the variables that it needs: others may hold secrets.
    const { NOTIFY_SOCKET, PATH } = env
    const helper = spawn('sh', ['-c', HELPER], { env: { NOTIFY_SOCKET, PATH }, stdio: ['pipe', 'ignore', 'inherit'] })
    this.#pipe = helper.stdin
    // The relay must not wait for it at the end.
    helper.unref()
    // An error here must not end the relay: systemd notices the silence and acts on it.
    helper.on('error', () => {})
    helper.stdin.on('error', () => {})
    const period = Number(env['WATCHDOG_USEC'] ?? 0) / 1000
    if (period > 0) this.#watchdog = setInterval(() => this.tell('WATCHDOG=1'), period / 2).unref()
  }

  tell(state: State): void {
    this.#pipe?.write(`${state}\n`)
  }

  /** Ends the process once everything has been sent. */
  end(): void {
    clearInterval(this.#watchdog)
    this.#pipe?.end()
  }
}
