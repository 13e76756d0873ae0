import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:https'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { makeCertificate } from './certificate.js'
import { describeWith } from './needs.js'

const PEBBLE = '/usr/bin/pebble'
const NAME_SERVER = '/usr/bin/pebble-challtestsrv'
const programs = [PEBBLE, NAME_SERVER]

/** Describes what needs Pebble, the ACME server for tests of Let's Encrypt (Debian's package `pebble`). */
export function describeWithPebble(what: string, tests: () => void): void {
  const isThere = programs.every((path) => existsSync(path))
  describeWith(programs.join(' or '), isThere, what, tests)
}

/** A port that leads to another one: what stands between an authority and a relay whose port the system chose. */
class Door {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #waiting: (() => void)[] = []
  #target: number | 'shut' | undefined

  private constructor() {
    this.#server = createServer((socket) => {
      this.#keep(socket)
      this.#whenKnown(() => this.#pass(socket))
    })
  }

  static async open(): Promise<Door> {
    const door = new Door()
    door.#server.listen(0, '127.0.0.1')
    await once(door.#server, 'listening')
    return door
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Who comes now, and who waits already, is led there; or turned away if it is shut. */
  leadTo(target: number | 'shut'): void {
    this.#target = target
    for (const go of this.#waiting.splice(0)) go()
  }

  /** Whoever comes waits until it is known where to. */
  hold(): void {
    this.#target = undefined
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #whenKnown(go: () => void): void {
    if (this.#target === undefined) this.#waiting.push(go)
    else go()
  }

  #pass(socket: Socket): void {
    if (typeof this.#target !== 'number') {
      socket.resetAndDestroy()
      return
    }
    const onward = connect(this.#target, '127.0.0.1')
    this.#keep(onward)
    socket.pipe(onward).pipe(socket)
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => this.#sockets.delete(socket))
  }
}

/** A running authority. */
export interface Pebble {
  /** URL of its directory. */
  directory: string
  /** Trusts the authority's own HTTPS. */
  agent: Agent
  /** Root of the certificates that it issues. */
  root: string
  /** Where it comes for tls-alpn-01 and http-01. */
  tlsDoor: Door
  httpDoor: Door
  /** What it has logged, for when a test fails. */
  lines: string[]
  stop(): Promise<void>
}

/** Starts an authority to which all domains lead to 127.0.0.1. `life` of its certificates in seconds. */
export async function startPebble({ life = 7_776_000 } = {}): Promise<Pebble> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-pebble-'))
  const { tlsCert, tlsKey } = makeCertificate('pebble', folder)
  const [tlsDoor, httpDoor] = [await Door.open(), await Door.open()]
  const ca = readFileSync(tlsCert)
  const agent = new Agent({ ca })
  const children: ChildProcess[] = []
  const lines: string[] = []
  const start = (program: string, args: string[], env: object = {}): ChildProcess => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    children.push(child)
    child.on('error', (error) => lines.push(String(error)))
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => lines.push(line))
    }
    return child
  }
  const stop = async (): Promise<void> => {
    agent.destroy()
    for (const door of [tlsDoor, httpDoor]) door.close()
    for (const child of children) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  }
  const [api = 0, management = 0, dns = 0] = await freePorts(3)
  const config = {
    listenAddress: `127.0.0.1:${api}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: tlsCert,
    privateKey: tlsKey,
    tlsPort: tlsDoor.port,
    httpPort: httpDoor.port,
    domainBlocklist: ['blocked.example'],
    certificateValidityPeriod: life,
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ pebble: config }))
  const nameServer = `127.0.0.1:${dns}`
  const off = ['http01', 'https01', 'tlsalpn01', 'management', 'defaultIPv6'].flatMap((name) => [`-${name}`, ''])
  start(NAME_SERVER, ['-dns01', nameServer, ...off])
  start(PEBBLE, ['-config', join(folder, 'config.json'), '-dnsserver', nameServer], {
    PEBBLE_VA_NOSLEEP: '1',
    PEBBLE_AUTHZREUSE: '0',
    // In percent. acme-client tries each request up to six times.
    PEBBLE_WFE_NONCEREJECT: '8',
  })
  try {
    for (const port of [api, management, dns]) await listening(port, children, lines)
  } catch (error) {
    await stop()
    throw error
  }
  const root = await fetchText(`https://127.0.0.1:${management}/roots/0`, agent)
  return { directory: `https://127.0.0.1:${api}/dir`, agent, root, tlsDoor, httpDoor, lines, stop }
}

/** Ports that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  const doors = await Promise.all(Array.from({ length: count }, () => Door.open()))
  const ports = doors.map(({ port }) => port)
  for (const door of doors) door.close()
  return ports
}

async function listening(port: number, children: readonly ChildProcess[], lines: readonly string[]): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const found = await new Promise((resolve) => {
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    })
    socket.destroy()
    if (found) return
    if (children.some(({ exitCode }) => exitCode !== null)) throw new Error(`Pebble has ended: ${lines.join('\n')}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function fetchText(url: string, agent: Agent): Promise<string> {
  return await new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let text = ''
      response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text))
    }).on('error', reject)
  })
}
