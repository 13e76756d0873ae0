import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { ClusterCounters } from '../../src/cluster/counters.js'
import { MemoryBus } from '../../src/cluster/memory-bus.js'
import { Rooms } from '../../src/core/rooms.js'
import { totalsOf } from '../../src/dialects/totals.js'
import { EventCounters } from '../../src/observability/event-counters.js'
import { limitMessages } from '../../src/observability/event-log.js'
import { createMetrics, type MetricsSources } from '../../src/observability/metrics.js'
import { StatusReport } from '../../src/observability/status-report.js'
import { parseOptions } from '../../src/options/index.js'
import { createContext } from '../support/context.js'
import { numbersIn } from '../support/metrics.js'
import { describeWithPromtool, promtool } from '../support/promtool.js'
import { frame, Op, RawClient, upgradeRequest } from '../support/raw.js'
import { startRelay, type TestRelay } from '../support/relay.js'

async function scrape({ http }: Pick<TestRelay, 'http'>): Promise<Map<string, number>> {
  return numbersIn(await (await fetch(`${http}/metrics`)).text())
}

/** The metrics of a relay that is not there, but for what a test gives. */
async function read(given: Partial<MetricsSources>): Promise<Map<string, number>> {
  const context = createContext()
  const metrics = createMetrics({
    settings: parseOptions({}),
    context,
    eventCounters: new EventCounters([]),
    budget: { measure: () => ({ bytes: 0, connections: 0 }) },
    unfinished: { measure: () => ({ bytes: 0 }) },
    report: new StatusReport(context, () => totalsOf(context.counters)),
    log: { lost: 0 },
    descriptors: { shortages: 0 },
    certificate: { validity: undefined },
    ...given,
  })
  return numbersIn(await metrics.text())
}

/** A conversation in all dialects, with names that no metric may show. */
async function converse({ open }: Pick<TestRelay, 'open'>): Promise<void> {
  const [a, b] = [await open('/raw/secret-raw'), await open('/raw/secret-raw')]
  a.send('four')
  await b.next()
  await (await open('/room/secret-room?nickname=secret-nickname')).json()
  const peer = await open('/')
  peer.send({ type: 'join', topic: 'secret-topic', peerId: 'secret-peer' })
  const editor = await open('/y-webrtc')
  editor.send({ type: 'subscribe', topics: ['secret-one', 'secret-two'] })
  await Promise.all([peer.settled(), editor.settled()])
}

describe('GET /metrics', () => {
  it("is text in Prometheus' format, made anew each time", async () => {
    const { http } = await startRelay()
    const response = await fetch(`${http}/metrics`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.text()).toMatch(/^# HELP baton_build_info .+\n# TYPE baton_build_info gauge\n/)
  })

  it('counts connections, rooms and members by dialect, messages and bytes', async () => {
    const relay = await startRelay()
    await converse(relay)
    const numbers = await scrape(relay)
    expect(Object.fromEntries(numbers)).toMatchObject({
      baton_connections: 5,
      baton_connections_opened_total: 5,
      'baton_rooms{dialect="opaque"}': 1,
      'baton_members{dialect="opaque"}': 2,
      'baton_rooms{dialect="impossible-writer"}': 1,
      'baton_members{dialect="pluresdb"}': 1,
      'baton_rooms{dialect="y-webrtc"}': 2,
      'baton_members{dialect="y-webrtc"}': 2,
      baton_messages_received_total: 3,
      baton_messages_relayed_total: 1,
      baton_deliveries_total: 1,
      'baton_batch_frames_bucket{le="1"}': 1,
      'baton_batch_frames_bucket{le="+Inf"}': 1,
      baton_batch_frames_sum: 1,
      baton_batch_frames_count: 1,
    })
    const stats = relay.relay.stats()
    expect(numbers.get('baton_received_bytes_total')).toBe(stats.bytesReceived)
    expect(numbers.get('baton_sent_bytes_total')).toBe(stats.bytesSent)
  })

  it('has only the dialects that are served', async () => {
    const relay = await startRelay({ dialects: 'opaque' })
    const names = [...(await scrape(relay)).keys()].filter((name) => name.includes('dialect='))
    expect(names.filter((name) => !/"(opaque|undecided)"/.test(name))).toEqual([])
  })

  it('never shows a name that a client gave', async () => {
    const relay = await startRelay()
    await converse(relay)
    expect(await relay.relay.metrics()).not.toContain('secret')
  })

  it('counts closes by their code, those that applications make up together', async () => {
    const relay = await startRelay()
    for (const code of [1000, 1000, 3000, 4999]) await (await relay.open('/raw/doc')).leave(code)
    await (await relay.open('/elsewhere')).closed()
    const numbers = await scrape(relay)
    expect(Object.fromEntries(numbers)).toMatchObject({
      baton_connections: 0,
      'baton_connections_closed_total{code="1000"}': 2,
      'baton_connections_closed_total{code="1008"}': 1,
      'baton_connections_closed_total{code="other"}': 2,
    })
    expect([...numbers.keys()].filter((name) => /4999|3000/.test(name))).toEqual([])
  })

  it('has every limit from the start, and counts those that are hit', async () => {
    const relay = await startRelay({ rateLimit: 1, rateLimitWindow: '1h' })
    const before = await scrape(relay)
    for (const limit of Object.keys(limitMessages))
      expect(before.get(`baton_limits_hit_total{reason="${limit}"}`)).toBe(0)
    const writer = await relay.open('/room/doc')
    for (let i = 0; i < 3; i++) writer.send({ type: 'text' })
    await writer.settled()
    expect((await scrape(relay)).get('baton_limits_hit_total{reason="rate"}')).toBe(2)
  })

  it('counts messages that are refused by dialect, also before that is clear', async () => {
    const relay = await startRelay()
    await (await relay.open('/room/doc')).send('no JSON').settled()
    await (await relay.open('/')).send('no JSON').settled()
    expect(Object.fromEntries(await scrape(relay))).toMatchObject({
      'baton_messages_refused_total{dialect="impossible-writer"}': 1,
      'baton_messages_refused_total{dialect="undecided"}': 1,
    })
  })

  it('counts handshakes that fail, by status', async () => {
    const relay = await startRelay({ maxConnections: 1 })
    const handshake = async (headers: Record<string, string>): Promise<void> => {
      const client = await RawClient.connect(relay)
      await client.write(upgradeRequest('/raw/doc', headers)).head()
    }
    await handshake({ 'Sec-WebSocket-Version': '8' })
    await handshake({ 'Sec-WebSocket-Key': 'short' })
    await relay.open('/raw/doc')
    await handshake({})
    expect(Object.fromEntries(await scrape(relay))).toMatchObject({
      'baton_handshakes_failed_total{reason="426"}': 1,
      'baton_handshakes_failed_total{reason="400"}': 1,
      'baton_handshakes_failed_total{reason="503"}': 1,
      'baton_limits_hit_total{reason="connections"}': 1,
      baton_max_connections: 1,
    })
  })

  it('tell what messages take that have come in part (10.21)', async () => {
    const relay = await startRelay()
    const client = await RawClient.open(relay, '/raw/doc')
    // 64 KiB were announced.
    const begun = frame(Op.binary, Buffer.alloc(64 * 1024)).subarray(0, 10_000)
    client.write(begun)
    let numbers = await scrape(relay)
    while (numbers.get('baton_unfinished_bytes') === 0) numbers = await scrape(relay)
    expect(numbers.get('baton_unfinished_bytes')).toBeGreaterThan(9000)
    client.socket.destroy()
    while (numbers.get('baton_connections') !== 0) numbers = await scrape(relay)
    expect(numbers.get('baton_unfinished_bytes')).toBe(0)
  })

  it('shows what waits for a slow reader, and counts it when it is dropped', async () => {
    const relay = await startRelay({ maxBufferedBytes: '8MiB', throttle: 0 })
    const [sender, slow] = [await relay.open('/raw/doc'), await relay.open('/raw/doc')]
    slow.socket.pause()
    const chunk = Buffer.alloc(2 ** 18, 'x')
    let numbers = await scrape(relay)
    while (numbers.get('baton_backlog_bytes') === 0) {
      await sender.send(chunk).settled()
      numbers = await scrape(relay)
    }
    expect(numbers.get('baton_backlog_connections')).toBe(1)
    expect(numbers.get('baton_slow_readers_dropped_total')).toBe(0)
    const left = once(relay.relay, 'leave')
    while (relay.relay.stats().currentConnections === 2) await sender.send(chunk).settled()
    await left
    expect(Object.fromEntries(await scrape(relay))).toMatchObject({
      baton_slow_readers_dropped_total: 1,
      'baton_connections_closed_total{code="1013"}': 1,
    })
  })

  it('says how many things are wrong, and whether the relay is stopping', async () => {
    const context = createContext()
    const health = new StatusReport(context, () => totalsOf(context.counters)).health()
    const degraded = await read({
      report: { health: () => ({ ...health, status: 'degraded', reasons: ['one', 'two'] }) },
    })
    expect([degraded.get('baton_degraded_reasons'), degraded.get('baton_draining')]).toEqual([2, 0])
    const draining = await read({ report: { health: () => ({ ...health, status: 'draining' }) } })
    expect([draining.get('baton_degraded_reasons'), draining.get('baton_draining')]).toEqual([0, 1])
  })

  it('tells of the other nodes, where there are any', async () => {
    const bus = new MemoryBus()
    const relays = [await startRelay({ backplane: bus.connect() }), await startRelay({ backplane: bus.connect() })]
    const [one, two] = [await relays[0]?.open('/raw/doc'), await relays[1]?.open('/raw/doc')]
    one?.send('four')
    await two?.next()
    for (const relay of relays) {
      const numbers = await scrape(relay)
      expect(Object.fromEntries(numbers)).toMatchObject({
        baton_cluster_nodes: 2,
        baton_cluster_connected: 1,
        baton_cluster_outages_total: 0,
        baton_cluster_fences_total: 0,
        baton_cluster_changes_unsent_total: 0,
        baton_cluster_changes_lost_total: 0,
        'baton_cluster_frames_refused_total{reason="version"}': 0,
        'baton_cluster_frames_refused_total{reason="unsigned"}': 0,
        'baton_cluster_frames_refused_total{reason="malformed"}': 0,
      })
      for (const what of ['frames_sent', 'frames_received', 'sent_bytes', 'received_bytes']) {
        expect(numbers.get(`baton_cluster_${what}_total`), what).toBeGreaterThan(0)
      }
    }
    const alone = await scrape(await startRelay())
    expect([...alone.keys()].filter((name) => name.includes('cluster'))).toEqual([])
  })

  it('counts outages of the backplane, what could not be sent, and frames that are not understood', async () => {
    const counters = new ClusterCounters()
    Object.assign(counters, { outages: 2, fences: 1, unsent: 4, lost: 5 })
    counters.refused.unsigned = 3
    const state = { nodes: 7, connections: 0, rooms: 0, topics: 0, peers: 0 }
    expect(Object.fromEntries(await read({ cluster: { connected: false, counters, state } }))).toMatchObject({
      baton_cluster_nodes: 7,
      baton_cluster_connected: 0,
      baton_cluster_outages_total: 2,
      baton_cluster_fences_total: 1,
      baton_cluster_changes_unsent_total: 4,
      baton_cluster_changes_lost_total: 5,
      'baton_cluster_frames_refused_total{reason="unsigned"}': 3,
    })
  })

  it('has every relay of a process by itself, and the process in all of them', async () => {
    const [one, two] = [await startRelay(), await startRelay()]
    await converse(one)
    const [first, second] = [await scrape(one), await scrape(two)]
    expect([first.get('baton_connections'), second.get('baton_connections')]).toEqual([5, 0])
    for (const numbers of [first, second]) {
      for (const name of ['process_cpu_seconds_total', 'baton_event_loop_active_seconds_total']) {
        expect(numbers.get(name)).toBeGreaterThan(0)
      }
      expect(numbers.get('baton_memory_limit_bytes')).toBeGreaterThan(
        Number(numbers.get('process_resident_memory_bytes')),
      )
      expect(numbers.get('baton_heap_limit_bytes')).toBeGreaterThan(Number(numbers.get('nodejs_heap_size_used_bytes')))
      expect(numbers.has('nodejs_eventloop_lag_p99_seconds')).toBe(true)
    }
  })

  it('goes through neither rooms nor sockets to be made', async () => {
    const relay = await startRelay()
    await converse(relay)
    const walk = vi.spyOn(Rooms.prototype, Symbol.iterator)
    const numbers = await scrape(relay)
    expect(walk).not.toHaveBeenCalled()
    walk.mockRestore()
    expect([...numbers.keys()].filter((name) => /nodejs_active_|process_open_fds/.test(name))).toEqual([])
  })

  it('is answered with 500 when it cannot be made, and the relay goes on', async () => {
    const relay = await startRelay()
    const client = await relay.open('/raw/doc')
    vi.spyOn(EventCounters.prototype, 'closes', 'get').mockImplementationOnce(() => {
      throw new Error('broken')
    })
    expect((await fetch(`${relay.http}/metrics`)).status).toBe(500)
    expect((await fetch(`${relay.http}/metrics`)).status).toBe(200)
    await client.settled()
  })
})

describeWithPromtool('promtool check metrics', () => {
  it('has nothing to say against the metrics of a relay in use', async () => {
    const relay = await startRelay({ rateLimit: 1, rateLimitWindow: '1h', backplane: new MemoryBus().connect() })
    await converse(relay)
    await (await relay.open('/room/doc')).send({ type: 'one' }).send({ type: 'two' }).send('no JSON').leave(4000)
    expect(promtool(['check', 'metrics'], await relay.relay.metrics())).toEqual({ ok: true, output: '' })
  })

  it('has something to say against a counter without _total', () => {
    const { ok, output } = promtool(['check', 'metrics'], '# HELP baton_x X.\n# TYPE baton_x counter\nbaton_x 1\n')
    expect(ok).toBe(false)
    expect(output).toContain('counter metrics should have "_total" suffix')
  })
})
