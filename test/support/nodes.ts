import { onTestFinished } from 'vitest'
import { MemoryBus } from '../../src/cluster/memory-bus.js'
import type { RelayOptions } from '../../src/index.js'
import type { Client } from './client.js'
import { runRelay } from './relay.js'

type TestRelay = Awaited<ReturnType<typeof runRelay>>

/** What joins relays to one: options for each of them. */
export type Joint = (count: number) => RelayOptions[]

/** By memory. */
export const byMemory: Joint = (count) => {
  const bus = new MemoryBus()
  return Array.from({ length: count }, () => ({ backplane: bus.connect() }))
}

/** By a Redis; those of one test do not meet those of another. */
export function byRedis({ url }: { url: string }): Joint {
  return (count) => {
    const name = { redisUrl: url, clusterName: `test-${names++}` }
    return Array.from({ length: count }, () => name)
  }
}

let names = 0

/** Several relays that are one, in this process. */
export class Nodes {
  readonly relays: readonly TestRelay[]
  readonly #witnesses: readonly Client[]
  #fences = 0

  private constructor(relays: readonly TestRelay[], witnesses: readonly Client[]) {
    this.relays = relays
    this.#witnesses = witnesses
  }

  /** Starts relays for one test. */
  static async start(options: readonly RelayOptions[]): Promise<Nodes> {
    const nodes = await Nodes.run(options)
    onTestFinished(() => nodes.stop())
    return nodes
  }

  /** Starts relays that live until they are stopped, and waits until they know each other. */
  static async run(options: readonly RelayOptions[]): Promise<Nodes> {
    const relays = await Promise.all(options.map((each) => runRelay(each)))
    const witnesses: Client[] = []
    for (const { open } of relays) {
      const witness = await open('/pluresdb')
      witness.send({ type: 'join', topic: 'witnesses' })
      for (const other of witnesses) {
        await other.json()
        await witness.json()
      }
      witnesses.push(witness)
    }
    return new Nodes(relays, witnesses)
  }

  async stop(): Promise<void> {
    await Promise.all(this.relays.map(({ stop }) => stop()))
  }

  /** Relay `i`, counted round. */
  at(i: number): TestRelay {
    return this.relays[i % this.relays.length] as TestRelay
  }

  /** Opens a client at a path of relay `i`. */
  open(i: number, path: string): Promise<Client> {
    return this.at(i).open(path)
  }

  /**
   * Waits until each node has heard what the others have said so far: on a bus that keeps the order of
   * each node's frames, as memory and a single Redis do.
   */
  async settled(): Promise<void> {
    const fence = this.#fences++
    for (const witness of this.#witnesses) witness.send({ type: 'data', data: fence })
    for (const witness of this.#witnesses) {
      for (let missing = this.#witnesses.length - 1; missing > 0; ) {
        if ((await witness.json())['data'] === fence) missing--
      }
    }
  }
}
