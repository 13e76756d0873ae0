import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { type LimitName, Relay, type RelayOptions } from '../../src/index.js'
import { Client } from './client.js'

/** A relay on a port of its own, gone at the end of the test. */
export interface TestRelay {
  relay: Relay
  port: number
  /** `ws://127.0.0.1:port` */
  url: string
  /** `http://127.0.0.1:port` */
  http: string
  /** Opens a client at a path; it is cut at the end of the test. */
  open(path: string, options?: Parameters<typeof Client.open>[1]): Promise<Client>
}

/** Starts a relay for one test. It logs nothing and lets no refused client wait, unless told to. */
export async function startRelay(options: RelayOptions = {}): Promise<TestRelay> {
  const { stop, ...test } = await runRelay(options)
  onTestFinished(stop)
  return test
}

/** Starts a relay that lives until it is stopped, with all clients that were opened. */
export async function runRelay(options: RelayOptions = {}): Promise<TestRelay & { stop(): Promise<void> }> {
  const relay = new Relay({ port: 0, host: '127.0.0.1', logLevel: 'silent', refusalDelay: 0, ...options })
  const { port } = await relay.listen()
  const clients: Client[] = []
  const url = `ws://127.0.0.1:${port}`
  return {
    relay,
    port,
    url,
    http: `http://127.0.0.1:${port}`,
    async open(path, clientOptions) {
      const client = await Client.open(url + path, clientOptions)
      clients.push(client)
      return client
    },
    async stop() {
      for (const client of clients) client.drop()
      await relay.close({ drain: 0 })
    },
  }
}

/** The limits that are hit from now on, in order. */
export function limitsHit(relay: Relay): LimitName[] {
  const limits: LimitName[] = []
  relay.on('limit', ({ limit }) => limits.push(limit))
  return limits
}

/** The next limit that is hit. */
export async function nextLimit(relay: Relay): Promise<LimitName> {
  const [{ limit }] = (await once(relay, 'limit')) as [{ limit: LimitName }]
  return limit
}
