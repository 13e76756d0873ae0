import type { ClusterNode } from '../cluster/node.js'
import type { RelayContext } from '../core/context.js'
import type { Settings } from '../options/index.js'
import type { Validity } from '../tls/validity.js'
import type { EventCounters } from './event-counters.js'
import { MetricsRegistry } from './metrics-registry.js'
import { processMetrics } from './process-metrics.js'
import type { Health } from './status-report.js'
import { version } from './version.js'

/** Where the metrics are read. */
export interface MetricsSources {
  readonly settings: Pick<Settings, 'enableTls' | 'dialects' | 'maxConnections' | 'maxRooms'>
  readonly context: RelayContext
  readonly eventCounters: EventCounters
  /** What waits for slow clients. */
  readonly budget: { measure(): { bytes: number; connections: number } }
  readonly unfinished: { measure(): { bytes: number } }
  readonly report: { health(): Health }
  /** What became of the log. */
  readonly log: { readonly lost: number }
  readonly descriptors: { readonly shortages: number }
  /** The certificate that is served, where there is one. */
  readonly certificate: { readonly validity: Validity | undefined }
  /** This node among others, where there are several. */
  readonly cluster?: Pick<ClusterNode, 'connected' | 'counters' | 'state'> | undefined
}

/** All metrics of a relay, for `GET /metrics`. `docs/metrics.md` is made from their texts. */
export function createMetrics(sources: MetricsSources): MetricsRegistry {
  const registry = new MetricsRegistry()
  addState(registry, sources)
  addConnections(registry, sources)
  addRooms(registry, sources)
  addMessages(registry, sources)
  addRefusals(registry, sources)
  addBacklog(registry, sources)
  if (sources.settings.enableTls) addCertificate(registry, sources)
  if (sources.cluster) addCluster(registry, sources.cluster)
  return registry.include(processMetrics)
}

function addState(registry: MetricsRegistry, { report, log, descriptors }: MetricsSources): void {
  registry
    .info('baton_build_info', 'Always 1; the labels tell the versions.', { version, node: process.version })
    .gauge(
      'baton_degraded_reasons',
      'How many things are wrong while the relay serves on; `/health` names them.',
      () => report.health().reasons?.length ?? 0,
    )
    .gauge('baton_draining', '1 while the relay stops and turns new clients away, else 0.', () =>
      report.health().status === 'draining' ? 1 : 0,
    )
    .counter(
      'baton_file_descriptor_shortages_total',
      'How often no file descriptor was left, so that new connections were cut off.',
      () => descriptors.shortages,
    )
    .counter(
      'baton_log_lines_lost_total',
      'Lines of the log that were lost, because it could not be written in time.',
      () => log.lost,
    )
}

function addConnections(registry: MetricsRegistry, { context, settings, eventCounters }: MetricsSources): void {
  const { counters } = context
  registry
    .gauge('baton_connections', 'WebSockets open now.', () => counters.connections - counters.disconnections)
    .gauge('baton_max_connections', 'The limit `MAX_CONNECTIONS`; 0 means none.', () => settings.maxConnections)
    .counter('baton_connections_opened_total', 'WebSockets opened.', () => counters.connections)
    .counter('baton_connections_closed_total', 'WebSockets closed, by close code.', () => eventCounters.closes, 'code')
    .counter(
      'baton_handshakes_failed_total',
      'Handshakes that were answered with an HTTP status, or failed in TLS.',
      () => eventCounters.handshakes,
      'reason',
    )
}

function addRooms(registry: MetricsRegistry, { context, settings }: MetricsSources): void {
  const counts = (what: 'rooms' | 'members') => () =>
    settings.dialects.map((dialect) => [dialect, context.counters.dialect(dialect)[what]] as const)
  registry
    .gauge('baton_rooms', 'Open rooms.', counts('rooms'), 'dialect')
    .gauge(
      'baton_members',
      'Members of all rooms; a connection is one in each of its rooms.',
      counts('members'),
      'dialect',
    )
    .gauge('baton_max_rooms', 'The limit `MAX_ROOMS`; 0 means none.', () => settings.maxRooms)
}

function addMessages(registry: MetricsRegistry, { context: { counters } }: MetricsSources): void {
  const { batches } = counters
  const bounds = batches.buckets.slice(1).map((_, exponent) => 2 ** exponent)
  registry
    .counter(
      'baton_messages_received_total',
      'Messages that came from clients, those that were refused among them.',
      () => counters.messagesReceived,
    )
    .counter('baton_received_bytes_total', 'Bytes of these messages.', () => counters.bytesReceived)
    .counter('baton_messages_relayed_total', 'Messages handed on to a room.', () => counters.messagesRelayed)
    .counter(
      'baton_deliveries_total',
      'Messages and notices of rooms written to members, one time for each recipient.',
      () => counters.deliveries,
    )
    .counter(
      'baton_sent_bytes_total',
      'Bytes of the frames written, one time for each recipient, without pings and closes.',
      () => counters.bytesSent,
    )
    .histogram(
      'baton_batch_frames',
      'How many messages and notices a room sent in one batch; the larger, the less each costs.',
      () => ({ bounds, buckets: batches.buckets, sum: batches.frames }),
    )
}

function addRefusals(registry: MetricsRegistry, { eventCounters }: MetricsSources): void {
  registry
    .counter(
      'baton_limits_hit_total',
      'Limits that were hit, one time for each message that hits one.',
      () => eventCounters.limits,
      'reason',
    )
    .counter(
      'baton_denied_total',
      'Connections, rooms and tokens that were denied to somebody.',
      () => eventCounters.denials,
      'reason',
    )
    .counter(
      'baton_messages_refused_total',
      'Messages that were refused for what is in them: bad JSON, an unknown type, a broken frame.',
      () => eventCounters.refusals,
      'dialect',
    )
    .counter(
      'baton_faults_total',
      'Faults in the relay or in a hook; the log has the stack of each kind.',
      () => eventCounters.faults,
    )
}

function addBacklog(
  registry: MetricsRegistry,
  { budget, unfinished, context: { counters }, eventCounters: { limits } }: MetricsSources,
): void {
  registry
    .gauge(
      'baton_backlog_bytes',
      'Memory that waits for clients that read slowly; what several share counts once.',
      () => budget.measure().bytes + counters.keptBytes,
    )
    .gauge('baton_backlog_connections', 'Connections for which something waits.', () => budget.measure().connections)
    .gauge('baton_unfinished_bytes', 'Memory of messages that have come in part.', () => unfinished.measure().bytes)
    .counter(
      'baton_slow_readers_dropped_total',
      'Connections closed because they read too slowly.',
      () => (limits.get('backlog') ?? 0) + (limits.get('total-backlog') ?? 0),
    )
}

function addCertificate(registry: MetricsRegistry, { certificate }: MetricsSources): void {
  registry.gauge(
    'baton_certificate_expiry_timestamp_seconds',
    'When the certificate that is served runs out, in seconds since 1970; NaN while there is none.',
    () => (certificate.validity?.expires ?? Number.NaN) / 1000,
  )
}

function addCluster(registry: MetricsRegistry, cluster: NonNullable<MetricsSources['cluster']>): void {
  const { counters } = cluster
  registry
    .gauge('baton_cluster_nodes', 'Nodes that this one knows of, itself among them.', () => cluster.state.nodes)
    .gauge('baton_cluster_connected', '1 while the backplane can be reached, else 0.', () => Number(cluster.connected))
    .counter(
      'baton_cluster_outages_total',
      'How often the backplane could not be reached any more.',
      () => counters.outages,
    )
    .counter(
      'baton_cluster_fences_total',
      'How often the node let go of the members whom other nodes count as gone, after it was out of touch.',
      () => counters.fences,
    )
    .counter('baton_cluster_frames_sent_total', 'Frames published on the backplane.', () => counters.framesSent)
    .counter(
      'baton_cluster_frames_received_total',
      'Frames that came from the backplane, its own among them.',
      () => counters.framesReceived,
    )
    .counter('baton_cluster_sent_bytes_total', 'Bytes of the frames published.', () => counters.bytesSent)
    .counter('baton_cluster_received_bytes_total', 'Bytes of the frames that came.', () => counters.bytesReceived)
    .counter(
      'baton_cluster_changes_unsent_total',
      'Messages, joins and leaves that other nodes did not get, because the backplane could not be reached.',
      () => counters.unsent,
    )
    .counter(
      'baton_cluster_changes_lost_total',
      'Messages, joins and leaves of other nodes that never came.',
      () => counters.lost,
    )
    .counter(
      'baton_cluster_frames_refused_total',
      'Frames from the backplane that were not understood and dropped.',
      () => Object.entries(counters.refused),
      'reason',
    )
}
