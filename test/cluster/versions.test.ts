import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Backplane } from '../../src/cluster/backplane.js'
import { MemoryBus } from '../../src/cluster/memory-bus.js'
import { ClusterNode } from '../../src/cluster/node.js'
import type { ClusterObserver } from '../../src/cluster/observer.js'
import type { RelayContext } from '../../src/core/context.js'
import { connect, createContext, type Wire } from '../support/context.js'

/** Long enough for a node to know who is there. */
const SETTLE = 8000

/** A node without sockets, whose newest version is given, and what it publishes. */
class Station {
  readonly node: ClusterNode
  readonly context: RelayContext
  /** Versions of what it said, in rooms and to all. */
  readonly versions = { rooms: new Set<number>(), control: new Set<number>() }
  readonly refused: string[] = []

  constructor(bus: MemoryBus, speaks: number) {
    const noop = (): void => {}
    const observer: ClusterObserver = {
      cutOff: noop,
      restored: noop,
      nodeCame: noop,
      nodeLeft: noop,
      fenced: noop,
      refused: (fault) => this.refused.push(fault),
      failed: (error) => this.refused.push(String(error)),
    }
    const totals = () => ({ connections: 0, rooms: 0, topics: 0, peers: 0 })
    const options = { name: 'test', secret: '', maxFrame: 2 ** 20, roomExpiry: 0, totals, speaks }
    this.node = new ClusterNode(this.#overheard(bus.connect()), options, observer)
    this.context = createContext({ rateLimit: 0 }, {}, {}, this.node)
    onTestFinished(() => this.node.stop())
  }

  static async start(bus: MemoryBus, speaks: number): Promise<Station> {
    const station = new Station(bus, speaks)
    void station.node.start()
    await vi.advanceTimersByTimeAsync(10)
    return station
  }

  #overheard(backplane: Backplane): Backplane {
    const { publish } = backplane
    backplane.publish = (channel, frame) => {
      this.versions[channel.endsWith(':ctl') ? 'control' : 'rooms'].add(frame[0] ?? 0)
      return publish.call(backplane, channel, frame)
    }
    return backplane
  }
}

let names = 0

/** A client on each station, in a room of their own, that hear each other. */
async function converse(stations: readonly Station[]): Promise<void> {
  const room = `room${names++}`
  const wires: Wire[] = []
  for (const [i, { context }] of stations.entries()) {
    const wire = connect(context, `/room/${room}`)
    await vi.advanceTimersByTimeAsync(300)
    expect(JSON.parse(wire.seen[0] ?? '{}')).toMatchObject({ type: 'connected', userCount: i + 1 })
    wires.push(wire)
  }
  for (const [n, wire] of wires.entries()) wire.receive({ type: 'content', n })
  await vi.advanceTimersByTimeAsync(10)
  for (const [i, { seen, session }] of wires.entries()) {
    const heard = seen
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .filter(({ type }) => type === 'content')
    const wanted = wires.map((_, n) => n).filter((n) => n !== i)
    expect(heard.map(({ n }) => n)).toEqual(wanted)
    session.end(1000)
  }
  await vi.advanceTimersByTimeAsync(10)
}

function forget(stations: readonly Station[]): void {
  for (const { versions } of stations) versions.rooms.clear()
}

describe('nodes of two versions', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    return () => void vi.useRealTimers()
  })

  it('understand each other while one replaces the other, and go on with the new one when all have it', async () => {
    const bus = new MemoryBus()
    const old = [await Station.start(bus, 1), await Station.start(bus, 1)]
    await vi.advanceTimersByTimeAsync(SETTLE)
    await converse(old)
    const first = await Station.start(bus, 2)
    // At once, before they have heard of each other's versions.
    await converse([...old, first])
    await vi.advanceTimersByTimeAsync(SETTLE)
    await converse([first, ...old])
    expect([...first.versions.rooms]).toEqual([1])
    await old[0]?.node.stop()
    const second = await Station.start(bus, 2)
    await converse([first, second, old[1] as Station])
    expect([...second.versions.rooms]).toEqual([1])
    // The last old one goes.
    await old[1]?.node.stop()
    await vi.advanceTimersByTimeAsync(SETTLE)
    forget([first, second])
    await converse([first, second])
    for (const { versions } of [first, second]) expect([...versions.rooms]).toEqual([2])
    // One more that is old finds in.
    const late = await Station.start(bus, 1)
    await converse([first, late, second])
    await vi.advanceTimersByTimeAsync(SETTLE)
    forget([first, second])
    await converse([late, second, first])
    for (const { versions } of [first, second]) expect([...versions.rooms]).toEqual([1])
    // What a node says to whoever may listen is in the oldest version, ever.
    for (const { versions } of [first, second, late]) expect([...versions.control]).toEqual([1])
    for (const station of [...old, first, second, late]) expect(station.refused).toEqual([])
  })
})
