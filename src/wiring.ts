import type { IncomingMessage } from 'node:http'
import { JsonWebTokens, wantsTokens } from './auth/tokens.js'
import type { Backplane } from './cluster/backplane.js'
import { maxFrame } from './cluster/max-frame.js'
import { ClusterNode } from './cluster/node.js'
import { RedisBackplane } from './cluster/redis-backplane.js'
import type { Authorize } from './core/authority.js'
import { RelayContext } from './core/context.js'
import { Counters, type Totals } from './core/counters.js'
import { combineObservers } from './core/observer.js'
import { Publisher } from './core/publisher.js'
import { Dialects } from './dialects/dialects.js'
import { totalsOf } from './dialects/totals.js'
import { AddressLimits } from './http/address-limits.js'
import { AdminAuth } from './http/admin-auth.js'
import { ClusterLog } from './observability/cluster-log.js'
import { EventCounters } from './observability/event-counters.js'
import { EventLog } from './observability/event-log.js'
import { FileDescriptors } from './observability/file-descriptors.js'
import { Log } from './observability/log.js'
import { CustomLog, isLogger, type Logger, type LogTarget } from './observability/logger.js'
import { createMetrics } from './observability/metrics.js'
import type { MetricsRegistry } from './observability/metrics-registry.js'
import { type EventTarget, emitEvents } from './observability/relay-events.js'
import { RoomNameHasher } from './observability/room-names.js'
import { StatusReport } from './observability/status-report.js'
import { loneSecret } from './options/cluster.js'
import { type Options, OptionsError, parseOptions, type Settings } from './options/index.js'
import { ServedCertificate } from './tls/served-certificate.js'
import { createId } from './websocket/connection-id.js'
import { Connections } from './websocket/connections.js'

/** The options of a relay: those of the schema, and what only code can give. */
export type RelayOptions = Options & {
  /** Decides who may connect, join a room and publish. Left out, everybody may. */
  authorize?: Authorize
  /** Another backplane than Redis that joins several relays into one, such as a {@link MemoryBus}'s. */
  backplane?: Backplane
  /** Where the log goes, such as a logger of pino. Left out, the relay writes it to standard output. */
  logger?: Logger
}

/** The parts of a relay, but for its servers. None of them listens or has a timer yet. */
export interface Parts {
  readonly settings: Settings
  readonly logTarget: LogTarget
  readonly log: Logger
  readonly roomNames: RoomNameHasher
  readonly eventLog: EventLog
  readonly tokens: JsonWebTokens | undefined
  readonly cluster: ClusterNode | undefined
  readonly clusterLog: ClusterLog
  readonly context: RelayContext
  /** Stands for the program that the relay is part of, where a message names its sender's connection. */
  readonly id: string
  readonly publisher: Publisher
  readonly dialects: Dialects
  readonly addressLimits: AddressLimits
  readonly connections: Connections
  readonly certificate: ServedCertificate
  readonly descriptors: FileDescriptors
  readonly report: StatusReport
  readonly metrics: MetricsRegistry
  readonly adminAuth: AdminAuth | undefined
}

/**
 * Makes the parts of a relay, each from those before it.
 *
 * @param target Where the relay's events are emitted.
 * @throws {OptionsError} If an option is wrong or unknown.
 */
export function createParts({ authorize, backplane, logger, ...options }: RelayOptions, target: EventTarget): Parts {
  const settings = parseOptions(options, backplane ? [] : loneSecret(options))

  const logTarget = logger === undefined ? new Log(settings) : customLog(logger)
  const log = logTarget.logger
  const roomNames = new RoomNameHasher(settings)
  const eventLog = new EventLog(log, roomNames)
  const eventCounters = new EventCounters(settings.dialects)
  const observer = combineObservers([eventCounters, eventLog, emitEvents(target)])

  const tokens = wantsTokens(settings) ? new JsonWebTokens(settings, log) : undefined
  const counters = new Counters()
  const clusterLog = new ClusterLog(log)
  const cluster = createCluster(settings, backplane, (elsewhere) => totalsOf(counters, elsewhere), clusterLog)
  const context = new RelayContext(settings, observer, { tokens, authorize }, cluster, counters)

  const publisher = new Publisher(context)

  const dialects = new Dialects(settings.dialects)
  const addressLimits = new AddressLimits(settings, observer)
  const connections = new Connections(context, dialects, addressLimits, settings)

  const certificate = new ServedCertificate()
  const descriptors = new FileDescriptors(log)
  const report = new StatusReport(context, () => totalsOf(counters), {
    cluster,
    draining: () => connections.draining,
    starting: () => certificate.missing,
    healthChecks: [
      () => cluster?.healthIssue,
      () => tokens?.healthIssue(),
      () => logTarget.healthIssue(),
      () => descriptors.healthIssue(),
      () => certificate.healthIssue(),
      () => certificate.dateIssue(),
    ],
  })
  const metrics = createMetrics({
    settings,
    context,
    eventCounters,
    budget: connections.budget,
    unfinished: connections.unfinished,
    report,
    log: logTarget,
    descriptors,
    certificate,
    cluster,
  })

  const onGuess = (request: IncomingMessage): void =>
    observer.limited('admin-token', undefined, addressLimits.addressFor(request))
  const adminAuth = settings.adminToken === '' ? undefined : new AdminAuth(settings.adminToken, onGuess)

  return {
    settings,
    logTarget,
    log,
    roomNames,
    eventLog,
    tokens,
    cluster,
    clusterLog,
    context,
    id: createId(),
    publisher,
    dialects,
    addressLimits,
    connections,
    certificate,
    descriptors,
    report,
    metrics,
    adminAuth,
  }
}

function customLog(logger: unknown): LogTarget {
  if (isLogger(logger)) return new CustomLog(logger)
  const problem = 'must have the methods debug, info, warn, error and isLevelEnabled, as a logger of pino has'
  throw new OptionsError([{ option: 'logger', problem }])
}

/** This node among others, if there is a backplane that joins them. */
function createCluster(
  settings: Settings,
  given: Backplane | undefined,
  totals: (elsewhere: ReadonlyMap<string, number>) => Totals,
  log: ClusterLog,
): ClusterNode | undefined {
  const { redisUrl, redisCluster, clusterName, clusterSecret, roomExpiry } = settings
  if (!given && redisUrl === '') return undefined
  const backplane = given ?? new RedisBackplane({ url: redisUrl, cluster: redisCluster })
  const options = { name: clusterName, secret: clusterSecret, maxFrame: maxFrame(settings), roomExpiry, totals }
  return new ClusterNode(backplane, options, log)
}
