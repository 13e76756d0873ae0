import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Options, Stats } from '../../src/index.js'
import { Client } from './client.js'

/** What a relay says of itself, after a garbage collection. */
export interface Measure {
  rss: number
  /** The most that it has been. */
  peakRss: number
  heapUsed: number
  /** Bytes of all buffers. */
  arrayBuffers: number
  stats: Stats
}

/** Starts the built relay in a process of its own, for one test. */
export async function forkRelay(options: Options = {}): Promise<{
  url: string
  measure(): Promise<Measure>
  open(path: string, options?: Parameters<typeof Client.open>[1]): Promise<Client>
}> {
  const script = fileURLToPath(new URL('relay-process.js', import.meta.url))
  const child = fork(script, [JSON.stringify(options)], { execArgv: ['--expose-gc'] })
  const clients: Client[] = []
  onTestFinished(async () => {
    for (const client of clients) client.drop()
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const url = `${options.enableTls ? 'wss' : 'ws'}://${options.host ?? '127.0.0.1'}:${port}`
  return {
    url,
    async measure() {
      child.send('measure')
      const [measure] = (await once(child, 'message')) as [Measure]
      return measure
    },
    async open(path, clientOptions) {
      const client = await Client.open(url + path, clientOptions)
      clients.push(client)
      return client
    },
  }
}
