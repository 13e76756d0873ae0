import fc from 'fast-check'
import { describe, it, vi } from 'vitest'
import type { Client } from './support/client.js'
import { type Actor, check, dialects, perform, ROOMS, type Step, step, type Wire, World } from './support/model.js'
import { runRelay, type TestRelay } from './support/relay.js'

/** A connection over a real socket, which may stall. */
class Line implements Wire {
  readonly seen: string[] = []
  id = ''
  stalled = false
  readonly #client: Client
  readonly #relay: TestRelay['relay']

  constructor(client: Client, relay: TestRelay['relay']) {
    this.#client = client
    this.#relay = relay
  }

  receive(message: object | string): void {
    this.#client.send(message)
  }

  /** Waits until the relay has read what it sent, and it has read what the relay sent. */
  async settle(): Promise<void> {
    if (!this.stalled)
      this.seen.push(...(await this.#client.settled()).map((seen) => ('text' in seen ? seen.text : '')))
  }

  stall(): void {
    this.stalled = true
    this.#client.socket.pause()
  }

  async resume(): Promise<void> {
    if (!this.stalled) return
    this.stalled = false
    this.#client.socket.resume()
    await this.settle()
  }

  async drop(): Promise<void> {
    await this.resume()
    await this.settle()
    const { currentConnections } = this.#relay.stats()
    this.#client.drop()
    await vi.waitUntil(() => this.#relay.stats().currentConnections < currentConnections, { interval: 1 })
  }
}

/** The steps of the model, over real sockets: some clients stop reading for a while, and miss nothing. */
async function live(steps: Step[], { relay, open }: TestRelay): Promise<void> {
  const lines = new Map<Wire, Line>()
  const world = new World(async (path) => {
    const line = new Line(await open(path), relay)
    lines.set(line, line)
    await line.settle()
    const [first = '{}'] = path.startsWith('/room') ? line.seen : []
    line.id = String((JSON.parse(first) as { connectionId?: string }).connectionId)
    return line
  })
  const lineOf = ({ wire }: Actor): Line => lines.get(wire) as Line
  for (const dialect of dialects) for (const room of ROOMS) await world.open(dialect, room)
  for (const each of steps) {
    const present = world.actors.filter(({ gone }) => !gone)
    const actor = present[each.actor % present.length]
    if (!actor) continue
    // Instead of the turns of an event loop, which are the relay's own here.
    if (each.verb === 'turn') lineOf(actor).stall()
    else {
      await lineOf(actor).resume()
      await perform(world, actor, each)
      if (!actor.gone) await lineOf(actor).settle()
    }
  }
  for (const actor of world.actors.filter(({ gone }) => !gone)) {
    await lineOf(actor).resume()
    await lineOf(actor).settle()
  }
  for (const actor of world.actors) check(actor)
  for (const actor of world.actors.filter(({ gone }) => !gone)) await world.close(actor)
  await vi.waitUntil(() => relay.stats().currentRooms === 0)
}

async function liveAlone(steps: Step[]): Promise<void> {
  const test = await runRelay({ rateLimit: 0, throttle: 0 })
  try {
    await live(steps, test)
  } finally {
    await test.stop()
  }
}

describe('promise 1, over real sockets', () => {
  it('holds for random joins, leaves, sends and stalls by random clients of random dialects', async () => {
    const steps = fc.array(step, { minLength: 20, maxLength: 80 })
    await fc.assert(fc.asyncProperty(steps, liveAlone), { numRuns: 40 })
  }, 60_000)
})
