import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get, type RequestOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { freePort } from '../../scripts/deploy/port.js'
import { Client } from './client.js'

/** The name that the shipped configurations have for the public host. */
export const HOST = 'relay.example.org'

/** What the shipped configurations wait on, and what a test puts in its place. */
type Changes = readonly (readonly [shipped: string, here: string])[]

/** What it takes to reach the balancer by its public name. */
type Reach = Pick<RequestOptions, 'ca' | 'lookup'>

/** How a balancer is started with a configuration of ours. */
export interface Balancer {
  readonly program: string
  /** The shipped configuration. */
  readonly file: string
  /** What differs in the configuration for a test: addresses, ports and files, and time-outs to make them short. */
  changes(place: Place): Changes
  /** The arguments to run it in the foreground. */
  args(config: string, folder: string): string[]
  /** More text for the configuration, around what is shipped. */
  wrap?(config: string, folder: string): string
}

/** Where a balancer runs in a test. */
interface Place {
  readonly port: number
  readonly relays: readonly [number, number]
  /** Gone after the test. */
  readonly folder: string
  readonly cert: string
  readonly key: string
}

/** The shipped text with each of the changes made. Throws if one has nothing to change. */
function change(text: string, changes: Changes): string {
  return changes.reduce((changed, [shipped, here]) => {
    if (!changed.includes(shipped)) throw new Error(`The shipped configuration has no ${shipped}`)
    return changed.replaceAll(shipped, here)
  }, text)
}

/** Starts a balancer with its shipped configuration in front of two relays, for one test. */
export async function startBalancer(
  { program, file, changes, args, wrap = (config) => config }: Balancer,
  relays: readonly [number, number],
): Promise<{
  open(path: string, headers?: Record<string, string>): Promise<Client>
  log(): string
  stop(): Promise<void>
}> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-balancer-'))
  const port = await freePort()
  const place = { port, relays, folder, ...makeCertificate(folder) }
  const config = join(folder, 'config')
  writeFileSync(config, wrap(change(readFileSync(file, 'utf8'), changes(place)), folder))
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, CADDY_ADMIN: `unix/${join(folder, 'admin')}` }
  const child = spawn(program, args(config, folder), { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (log += text))
  const clients: Client[] = []
  const stop = async (): Promise<void> => {
    for (const client of clients) client.drop()
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
  onTestFinished(stop)
  const options: Reach = {
    ca: readFileSync(place.cert),
    lookup: (_name, { all }, found) =>
      all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4),
  }
  await healthy(port, options, child, () => log)
  return {
    async open(path, headers = {}) {
      const client = await Client.open(`wss://${HOST}:${port}${path}`, { ...options, headers })
      clients.push(client)
      return client
    },
    log: () => log,
    stop,
  }
}

/** Waits until a relay's health comes through the balancer. */
async function healthy(port: number, options: Reach, child: ChildProcess, log: () => string): Promise<void> {
  const ask = (): Promise<boolean> =>
    new Promise((resolve) => {
      get({ ...options, host: HOST, port, path: '/health', agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      }).on('error', () => resolve(false))
    })
  while (!(await ask())) {
    if (child.exitCode !== null) throw new Error(`It ended: ${log()}`)
    await sleep(20)
  }
}

/** A certificate for {@link HOST}, and a file with both parts, as HAProxy wants it. */
function makeCertificate(folder: string): { cert: string; key: string } {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const name = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`]
  const made = spawnSync('openssl', ['req', '-x509', ...curve, ...name, '-keyout', key, '-out', cert])
  if (made.status !== 0) throw new Error(String(made.stderr))
  writeFileSync(join(folder, 'both.pem'), readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'))
  return { cert, key }
}
