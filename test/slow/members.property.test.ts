import { once } from 'node:events'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Relay } from '../../src/index.js'
import type { Client, Seen } from '../support/client.js'
import { type Actor, dialects, linesOf, perform, ROOMS, type Step, step, type Wire, World } from '../support/model.js'
import { byMemory, Nodes } from '../support/nodes.js'

/** What is answered when all that a client asked before is done, and the answer. */
const questions: Record<string, readonly [object, string] | undefined> = {
  '/y-webrtc': [{ type: 'ping' }, '"pong"'],
  '/pluresdb': [{ type: 'done?' }, '"error"'],
}

/** A connection to one of several nodes. */
class Line implements Wire {
  readonly seen: string[] = []
  id = ''
  readonly #client: Client
  readonly #relay: Relay
  readonly #path: string

  constructor(client: Client, relay: Relay, path: string) {
    this.#client = client
    this.#relay = relay
    this.#path = path
  }

  receive(message: object | string): void {
    this.#client.send(message)
  }

  /** Waits until the relay has done all that it was asked for. */
  async done(): Promise<void> {
    const [question, answer = ''] = questions[this.#path] ?? []
    if (question) {
      this.#client.send(question)
      for (let text = ''; !text.includes(answer); ) {
        text = textOf(await this.#client.next())
        this.seen.push(text)
      }
      // That is no part of the conversation.
      this.seen.pop()
    }
    await this.settle()
  }

  /** Takes what has come. */
  async settle(): Promise<void> {
    this.seen.push(...(await this.#client.settled()).map(textOf))
  }

  async drop(): Promise<void> {
    await this.settle()
    const { currentConnections } = this.#relay.stats()
    this.#client.drop()
    await vi.waitUntil(() => this.#relay.stats().currentConnections < currentConnections, {
      interval: 1,
      timeout: 10_000,
    })
  }
}

function textOf(seen: Seen): string {
  return 'text' in seen ? seen.text : ''
}

/** The steps of the model, by clients that are spread over the nodes, at the pace of people. */
async function live(steps: Step[], nodes: Nodes): Promise<void> {
  const lines = new Map<Wire, Line>()
  let opened = 0
  const world = new World(async (path) => {
    const node = nodes.at(opened++)
    const joined = /^\/(room|raw)/.test(path) ? once(node.relay, 'join') : undefined
    const line = new Line(await node.open(path), node.relay, path)
    lines.set(line, line)
    await joined
    await line.settle()
    const [first = '{}'] = path.startsWith('/room') ? line.seen : []
    line.id = String((JSON.parse(first) as { connectionId?: string }).connectionId)
    return line
  })
  const settle = async (): Promise<void> => {
    const present = world.actors.filter(({ gone }) => !gone).map(({ wire }) => lines.get(wire) as Line)
    for (const line of present) await line.done()
    await nodes.settled()
    for (const line of present) await line.settle()
  }
  const open = async (dialect: string, room: string): Promise<void> => {
    await world.open(dialect, room)
    await settle()
  }
  // One of each on each node.
  for (const dialect of dialects) for (const room of ROOMS) for (const _ of nodes.relays) await open(dialect, room)
  for (const each of steps) {
    const present = world.actors.filter(({ gone }) => !gone)
    const actor = present[each.actor % present.length]
    if (actor) await perform(world, actor, each)
    await settle()
  }
  for (const actor of world.actors) compare(actor)
  for (const actor of world.actors.filter(({ gone }) => !gone)) await world.close(actor)
  // The room of the witnesses is left.
  for (const { relay } of nodes.relays) await vi.waitUntil(() => relay.stats().currentRooms === 1, 10_000)
}

/** Compares what a client saw with what it had to see; who is in already is told in any order. */
function compare(actor: Actor): void {
  const { seen, expected } = linesOf(actor)
  expect(inAnyOrder(seen)).toEqual(inAnyOrder(expected))
}

function inAnyOrder(texts: readonly string[]): string[][] {
  const runs: string[][] = []
  for (const text of texts) {
    const run = runs.at(-1)
    if (text.startsWith('peer-joined') && run?.[0]?.startsWith('peer-joined')) run.push(text)
    else runs.push([text])
  }
  return runs.map((run) => run.sort())
}

describe('promise 1, over several nodes', () => {
  it('holds for random joins, leaves and sends by random clients of random dialects on random nodes', async () => {
    const steps = fc.array(step, { minLength: 20, maxLength: 80 })
    const run = async (all: Step[], count: number): Promise<void> => {
      const nodes = await Nodes.run(byMemory(count).map((each) => ({ rateLimit: 0, throttle: 0, ...each })))
      try {
        await live(all, nodes)
      } finally {
        await nodes.stop()
      }
    }
    await fc.assert(fc.asyncProperty(steps, fc.constantFrom(2, 3), run), { numRuns: 10 })
  }, 60_000)
})
