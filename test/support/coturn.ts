import { spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { describeWith } from './needs.js'

const path = process.env['TURNSERVER'] ?? '/usr/bin/turnserver'

/** Describes what needs coturn. */
export function describeWithCoturn(what: string, tests: () => void): void {
  describeWith(`coturn at ${path}`, existsSync(path), what, tests)
}

/** Starts coturn for one test, and waits until it answers. */
export async function startCoturn(secret: string): Promise<{ url: string; log(): string }> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-coturn-'))
  const probe = createSocket('udp4')
  const port = await freePort()
  const address = ['--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--listening-port=${port}`]
  const auth = ['--use-auth-secret', `--static-auth-secret=${secret}`, '--realm=baton', '--allow-loopback-peers']
  const alone = ['-n', '--no-tls', '--no-dtls', '--no-cli', `--userdb=${folder}/db`, `--pidfile=${folder}/pid`]
  const child = spawn(path, [...address, ...auth, ...alone, '--log-file=stdout', '--simple-log', '--verbose'])
  onTestFinished(async () => {
    probe.close()
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    rmSync(folder, { recursive: true })
  })
  let log = ''
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  }
  const died = once(child, 'exit').then(() => Promise.reject(new Error(`coturn has ended: ${log}`)))
  await Promise.race([answered(probe, port), died])
  died.catch(() => {})
  return { url: `turn:127.0.0.1:${port}?transport=udp`, log: () => log }
}

/** A port that the system has chosen, free for the moment. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  await new Promise<void>((resolve) => socket.close(resolve))
  return port
}

/** A STUN binding request, RFC 8489 section 5. */
const BINDING = Buffer.from(`000100002112a442${'00'.repeat(12)}`, 'hex')

/** Asks until there is an answer: what is sent before the server listens is lost. */
async function answered(probe: Socket, port: number): Promise<void> {
  const ask = (): void => probe.send(BINDING, port, '127.0.0.1')
  // On Linux a port that is not open yet is an error.
  probe.on('error', () => {})
  const asking = setInterval(ask, 20)
  await once(probe, 'message').finally(() => clearInterval(asking))
}
