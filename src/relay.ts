import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Dashboard } from './admin/dashboard.js'
import { JsonWebTokens, wantsTokens } from './auth/tokens.js'
import type { Backplane } from './cluster/backplane.js'
import { maxFrame } from './cluster/max-frame.js'
import { ClusterNode } from './cluster/node.js'
import { RedisBackplane } from './cluster/redis-backplane.js'
import { assertRedis, loadRedis } from './cluster/redis-client.js'
import type { Authorize } from './core/authority.js'
import { closes } from './core/close-reasons.js'
import { RelayContext } from './core/context.js'
import { combineObservers } from './core/observer.js'
import type { Session } from './core/session.js'
import { Dialects } from './dialects/dialects.js'
import { AddressLimits } from './http/address-limits.js'
import { AdminAuth } from './http/admin-auth.js'
import { attachProblems, attachTo, DEFAULT_PATIENCE } from './http/attached-server.js'
import { hasIceServers, IcePage, type IceServers, iceServersFor } from './http/ice-servers.js'
import { createLandingPage } from './http/landing-page.js'
import { PublicPages } from './http/public-pages.js'
import { adminPages, answerTo, createPages, type Pages, publicPages } from './http/routes.js'
import { createHttpServer, type Handler, type HttpServer, listen } from './http/server.js'
import { urlFor } from './http/url.js'
import { ClusterLog } from './observability/cluster-log.js'
import { EventCounters } from './observability/event-counters.js'
import { EventLog } from './observability/event-log.js'
import { FileDescriptors } from './observability/file-descriptors.js'
import { Log, type Logger, RoomNameHasher } from './observability/log.js'
import { createMetrics } from './observability/metrics.js'
import type { MetricsRegistry } from './observability/metrics-registry.js'
import { type EventTarget, emitEvents, type RelayEvents } from './observability/relay-events.js'
import { type Stats, StatusReport } from './observability/status-report.js'
import { loneSecret } from './options/cluster.js'
import { isTurnSecretWeak } from './options/ice.js'
import { type Options, OptionsError, parseOptions, type Settings } from './options/index.js'
import { isProduction } from './options/log.js'
import { isPublic } from './options/networks.js'
import { allOf, problemsOf } from './options/together.js'
import type { Certificate } from './tls/certificate.js'
import { createCertificate } from './tls/create-certificate.js'
import { reasonOf } from './tls/openssl-reason.js'
import { PlainHttp } from './tls/plain-http.js'
import { outOfDate, watchDates } from './tls/validity.js'
import { Connections } from './websocket/connections.js'
import { refuse } from './websocket/handshake.js'

/** The options of a {@link Relay}: those of the schema, and what only code can give. */
export type RelayOptions = Options & {
  /** Decides who may connect, join a room and publish. Left out, everybody may. */
  authorize?: Authorize
  /** Another bus than Redis that joins several relays to one, such as a {@link MemoryBus}'s. */
  backplane?: Backplane
}

const STATISTICS_INTERVAL = 5 * 60_000

/**
 * A WebSocket relay: passes messages among the members of a room and stores nothing.
 *
 * @example
 * ```ts
 * const relay = new Relay({ port: 3000 })
 * relay.on('join', ({ room, count }) => console.log(room, count))
 * await relay.listen()
 * ```
 */
export class Relay extends EventEmitter<RelayEvents> {
  readonly #settings: Settings
  readonly #output: Log
  readonly #log: Logger
  readonly #namer: RoomNameHasher
  readonly #journal: EventLog
  readonly #tokens: JsonWebTokens | undefined
  readonly #hub: RelayContext
  readonly #dialects: Dialects
  readonly #clients: AddressLimits
  readonly #connections: Connections
  readonly #report: StatusReport
  readonly #metrics: MetricsRegistry
  readonly #descriptors: FileDescriptors
  readonly #cluster: ClusterNode | undefined
  readonly #clusterJournal: ClusterLog
  #clustered: Promise<void> | undefined
  readonly #gate: AdminAuth | undefined
  #dashboard: Dashboard | undefined
  #server: HttpServer | undefined
  #adminServer: HttpServer | undefined
  #certificate: Certificate | undefined
  #plain: PlainHttp | undefined
  /** Whether it serves, or will serve, a server of somebody else. */
  #attached = false
  readonly #detach: (() => void)[] = []
  #listening: Promise<AddressInfo> | undefined
  #statistics: NodeJS.Timeout | undefined
  #closed: Promise<void> | undefined

  /**
   * @param options Never read from the environment.
   * @throws {OptionsError} If an option is wrong or unknown.
   */
  constructor(options: RelayOptions = {}) {
    super({ captureRejections: true })
    const { authorize, backplane, ...rest } = options
    this.#settings = parseOptions(rest, backplane ? [] : loneSecret(rest))
    this.#output = new Log(this.#settings)
    this.#log = this.#output.logger
    this.#namer = new RoomNameHasher(this.#settings)
    this.#journal = new EventLog(this.#log, this.#namer)
    this.#clusterJournal = new ClusterLog(this.#log)
    this.#cluster = this.#createNode(backplane)
    this.#tokens = wantsTokens(this.#settings) ? new JsonWebTokens(this.#settings, this.#log) : undefined
    const tally = new EventCounters(this.#settings.dialects)
    const target = { emitFor: this.#emit, listenerCount: (name: keyof RelayEvents) => this.listenerCount(name) }
    const observer = combineObservers([tally, this.#journal, emitEvents(target)])
    this.#hub = new RelayContext(this.#settings, observer, { tokens: this.#tokens, authorize }, this.#cluster)
    this.#dialects = new Dialects(this.#settings.dialects)
    this.#clients = new AddressLimits(this.#settings, this.#hub.observer)
    this.#connections = new Connections(this.#hub, this.#dialects, this.#clients, this.#settings)
    const cluster = this.#cluster
    this.#report = new StatusReport(this.#hub, cluster && (() => cluster.state))
    if (cluster) this.#report.addHealthCheck(() => cluster.healthIssue)
    this.#report.addHealthCheck(() => this.#tokens?.healthIssue())
    this.#report.addHealthCheck(() => this.#output.healthIssue())
    this.#descriptors = new FileDescriptors(this.#log)
    this.#report.addHealthCheck(() => this.#descriptors.healthIssue())
    this.#metrics = createMetrics({
      settings: this.#settings,
      hub: this.#hub,
      tally,
      backlog: this.#connections.budget,
      unfinished: this.#connections.unfinished,
      health: () => this.#report.health(this.#connections.draining),
      log: this.#output,
      descriptors: this.#descriptors,
      certificate: () => this.#certificate?.validity,
      cluster,
    })
    const { adminToken } = this.#settings
    if (adminToken !== '') this.#gate = new AdminAuth(adminToken, (request) => this.#onGuess(request))
  }

  /**
   * Listens on `port` and `host`.
   *
   * @returns The address in use, with the port that the system chose if `port` is 0.
   * @throws {ListenError} If the port is taken, or needs privileges; `adminPort` likewise.
   * @throws {OptionsError} If the certificate cannot be used: its files, its store, or a package that is not installed.
   */
  async listen(): Promise<AddressInfo> {
    if (this.#listening || this.#closed !== undefined) throw new Error('A relay listens once')
    this.#listening = this.#listen()
    try {
      return await this.#listening
    } catch (error) {
      this.#listening = undefined
      throw error
    }
  }

  async #listen(): Promise<AddressInfo> {
    const { port, host, enableTls, dialects, landingPage, redisUrl, adminPort } = this.#settings
    const plain = (this.#plain = enableTls ? new PlainHttp(this.#settings, this.#handler) : undefined)
    const [certificate] = await allOf([
      plain && createCertificate(this.#settings, this.#log, plain),
      redisUrl === '' ? undefined : loadRedis(),
    ])
    if (certificate) this.#report.awaits(() => certificate.validity === undefined)
    const draining = (): boolean => this.#connections.draining
    const landing = landingPage ? createLandingPage(this.#settings) : undefined
    const pages = createPages(this.#report, draining, landing, this.#metrics)
    this.#dashboard ??= this.#createDashboard()
    const handler = this.#publicHandler(adminPort === undefined ? pages : publicPages(pages))
    const http = createHttpServer(this.#settings, certificate?.options, handler)
    const { server } = http
    server.on('tlsClientError', (error) => this.#hub.observer.handshakeFailed('tls', reasonOf(error)))
    await this.#tokens?.load()
    await this.#joinCluster()
    const address = await this.#bind(server, port, host, adminPages(pages))
    this.#server = http
    const url = urlFor(this.#settings, address.port)
    this.#log.info({ url, address: address.address, port: address.port, tls: enableTls, dialects }, 'Relay listening')
    if (isTurnSecretWeak(this.#settings)) {
      this.#log.warn('TURN_SECRET is short: whoever was given one credential can find it by trying, and make others')
    }
    if (isUnguarded(this.#settings)) {
      this.#log.warn(
        'Anybody on the internet may open any number of connections: set MAX_CONNECTIONS_PER_IP and CONNECTION_RATE_PER_IP, or TRUST_PROXY if a proxy in front limits them',
      )
    }
    if (certificate && server instanceof TlsServer) {
      this.#report.addHealthCheck(() => certificate.healthIssue())
      this.#report.addHealthCheck(() => certificate.validity && outOfDate(certificate.validity))
      this.#detach.push(certificate.serve(server), watchDates(certificate, this.#log))
      this.#certificate = certificate
    }
    this.#begin()
    return address
  }

  /** The address of the administrative pages, if they have one of their own and the relay listens. */
  get adminAddress(): AddressInfo | undefined {
    return (this.#adminServer?.server.address() as AddressInfo | null | undefined) ?? undefined
  }

  /**
   * Serves the upgrade requests of an HTTP server that belongs to somebody else. Only the paths of the
   * dialects are taken, `/` among them, or with a prefix all below it; the rest is left to the server's
   * other listeners, or answered with 404 if it has none, or if none of them reads or writes within `joinTimeout`.
   * Several relays may be attached to one server: the first that wants an upgrade gets it. Plain requests are left
   * alone. {@link Relay.close} detaches.
   *
   * @param server An HTTP or HTTPS server, listening or not.
   * @param options `prefix`: a path such as `/relay` under which the dialects' paths lie, so that `/`
   *   stays free.
   * @throws {OptionsError} If the prefix does not begin with a slash, an option is unknown, or a package is not
   *   installed.
   */
  attach(server: Server, options: { prefix?: string } = {}): this {
    if (this.#closed !== undefined) throw new Error('This relay is closed')
    const problems = [...attachProblems(options), ...(this.#settings.redisUrl === '' ? [] : problemsOf(assertRedis))]
    if (problems.length > 0) throw new OptionsError(problems)
    const { prefix = '' } = options
    const detach = attachTo(server, {
      prefix,
      owns: (path) => this.#dialects.owns(path),
      upgrade: (...upgrade) => this.#connections.upgrade(...upgrade),
      patience: this.#settings.joinTimeout || DEFAULT_PATIENCE,
      failed: this.#handler.failed,
    })
    this.#detach.push(detach)
    this.#attached = true
    this.#begin()
    return this
  }

  /** The state of the relay, as `GET /stats` gives it. */
  stats(): Stats {
    return this.#report.stats()
  }

  /**
   * The metrics of the relay and of its process in Prometheus' text format, as `GET /metrics` gives
   * them: `text/plain; version=0.0.4`. For servers of your own that the relay is attached to.
   */
  async metrics(): Promise<string> {
    return await this.#metrics.text()
  }

  /**
   * The STUN and TURN servers of the options, with fresh credentials, as `GET /ice-servers` gives them:
   * for apps that the relay is attached to.
   *
   * @param user Is part of the TURN servers' username; left out, it is a time alone.
   * @param expires When the user's access ends, in milliseconds since 1970: the credentials end then, if not
   *   `turnTtl` from now. `turnRate` is not counted here.
   */
  iceServers(user?: string, expires?: number): IceServers {
    return iceServersFor(this.#settings, user, expires)
  }

  /**
   * Reads `tlsCert` and `tlsKey` again, as the relay does by itself some seconds after they have changed. Open
   * connections notice nothing; files that cannot be used are logged, and the certificate before them is served on.
   *
   * @returns Whether the certificate comes from files.
   */
  reloadCertificate(): boolean {
    this.#certificate?.reload?.()
    return this.#settings.tlsCert !== ''
  }

  /**
   * Stops: turns newcomers away with HTTP 503, tells all members, closes their connections in small
   * groups over `drain` milliseconds so that they do not come back all at once, cuts what is left 10 s
   * later, and resolves when nothing is open any more. Calling it again waits for the same end.
   *
   * @param options `drain`: another period than the option's, in milliseconds or as text.
   * @throws {OptionsError} If `drain` is no duration: the promise rejects, and the relay goes on.
   */
  async close({ drain = this.#settings.drain }: { drain?: number | string } = {}): Promise<void> {
    const period = parseOptions({ drain }).drain
    // Not at once: a listener of `closing` may call this in its turn.
    this.#closed ??= Promise.resolve().then(() => this.#close(period))
    await this.#closed
  }

  async #close(drain: number): Promise<void> {
    this.#log.info({ ...this.#about(), drain }, 'Relay shutting down')
    this.#emit(undefined, 'closing', () => ({ drain }))
    await this.#connections.drain(drain)
    // A port that is about to be opened would stay open.
    await this.#listening?.catch(() => {})
    clearInterval(this.#statistics)
    this.#descriptors.stop()
    for (const detach of this.#detach) detach()
    // Until now it has shown how the connections go.
    this.#dashboard?.stop()
    await this.#stopListening()
    this.#clients.stop()
    this.#tokens?.stop()
    this.#hub.stop()
    await this.#cluster?.stop()
    this.#journal.close()
    this.#clusterJournal.close()
    this.#log.info('Relay stopped')
    await this.#output.close()
  }

  async #stopListening(): Promise<void> {
    await Promise.all([this.#server?.stop(), this.#adminServer?.stop(), this.#plain?.stop()])
  }

  async #listenForAdmins(port: number, pages: Pages): Promise<void> {
    const http = createHttpServer(this.#settings, undefined, {
      ...this.#handler,
      answer: (request) => {
        const dashboard = this.#dashboard?.owns(request) ? this.#dashboard : undefined
        return dashboard?.answer(request) ?? answerTo(pages, request, this.#gate)
      },
      upgrade: (_request, socket) => {
        refuse(socket, { status: 404, text: 'Not found' })
        return false
      },
    })
    const { address, port: actual } = await listen(http.server, port, this.#settings.adminHost)
    this.#adminServer = http
    const url = urlFor({ host: this.#settings.adminHost }, actual)
    this.#log.info({ url, address, port: actual }, 'Administrative pages listening')
  }

  #publicHandler(pages: Pages): Handler {
    const dashboard = this.#settings.adminPort === undefined ? this.#dashboard : undefined
    const ice = hasIceServers(this.#settings)
      ? new IcePage(this.#settings, this.#hub, this.#clients, this.#tokens)
      : undefined
    if (ice) this.#detach.push(() => ice.stop())
    const gate = this.#gate
    const { observer } = this.#hub
    const [clients, dialects] = [this.#clients, this.#dialects]
    const shown = new PublicPages({ pages, clients, dialects, observer, gate, ice, dashboard })
    return {
      ...this.#handler,
      accept: (socket) => clients.accept(socket),
      answer: (request) => shown.answer(request),
      upgrade: (request, socket, head) => this.#connections.upgrade(request, socket, head),
    }
  }

  #createDashboard(): Dashboard | undefined {
    const gate = this.#gate
    return (
      gate &&
      new Dashboard({
        hub: this.#hub,
        gate,
        namer: this.#namer,
        journal: this.#journal,
        health: () => this.#report.health(this.#connections.draining),
        addressFor: (request) => this.#clients.addressFor(request),
        drain: () => void this.close().catch((error: unknown) => this.#log.error({ err: error }, 'Drain failed')),
      })
    )
  }

  readonly #handler: Pick<Handler, 'limited' | 'failed' | 'acceptFailed'> = {
    limited: (limit, socket) => {
      this.#hub.observer.limited(limit, undefined, socket && this.#clients.addressOf(socket))
    },
    failed: (error) => this.#journal.pageFailed(error),
    acceptFailed: (error) => this.#descriptors.acceptFailed(error),
  }

  #onGuess(request: IncomingMessage): void {
    this.#hub.observer.limited('admin-token', undefined, this.#clients.addressFor(request))
  }

  #createNode(given: Backplane | undefined): ClusterNode | undefined {
    const { redisUrl, redisCluster, clusterName, clusterSecret, roomExpiry } = this.#settings
    if (!given && redisUrl === '') return undefined
    const backplane = given ?? new RedisBackplane({ url: redisUrl, cluster: redisCluster })
    const options = {
      name: clusterName,
      secret: clusterSecret,
      maxFrame: maxFrame(this.#settings),
      roomExpiry,
      totals: () => this.#report.totals(),
    }
    return new ClusterNode(backplane, options, this.#clusterJournal)
  }

  async #bind(server: Server, port: number, host: string, admin: Pages): Promise<AddressInfo> {
    const { adminPort } = this.#settings
    try {
      if (adminPort !== undefined) await this.#listenForAdmins(adminPort, admin)
      const redirect = await this.#plain?.redirect(() => (server.address() as AddressInfo | null)?.port)
      if (redirect) this.#log.info({ address: redirect.address, port: redirect.port }, 'Redirecting to https')
      // Last, so that no WebSocket has come if one of the others fails.
      return await listen(server, port, host)
    } catch (error) {
      await this.#stopListening()
      // Whoever cannot serve must not stay among those who do, nor keep the process alive.
      if (!this.#attached) {
        await this.#cluster?.stop()
        this.#clustered = undefined
      }
      throw error
    }
  }

  /** Gets in touch with the other nodes, or finds that it cannot for now. */
  #joinCluster(): Promise<void> {
    this.#clustered ??= this.#cluster?.start() ?? Promise.resolve()
    return this.#clustered
  }

  #begin(): void {
    this.#joinCluster().catch((error: unknown) => this.#clusterJournal.failed(error))
    this.#tokens?.prepare()
    this.#descriptors.start()
    this.#statistics ??= setInterval(() => {
      this.#journal.statistics(this.#report.stats(), this.#hub.rooms)
    }, STATISTICS_INTERVAL).unref()
  }

  #about(): { rooms: number; connections: number } {
    const { currentRooms, currentConnections } = this.#report.stats()
    return { rooms: currentRooms, connections: currentConnections }
  }

  readonly #emit: EventTarget['emitFor'] = (session, name, describe) => {
    if (this.listenerCount(name) === 0) return
    try {
      // EventEmitter's own types cannot follow a name that is itself generic.
      ;(this as EventEmitter).emit(name, describe())
    } catch (error) {
      this.#fault(error, session)
    }
  }

  #fault(error: unknown, session: Session | undefined): void {
    this.#journal.listenerFailed(error, session)
    // Not now: the session may be in the middle of a join or a leave.
    if (session) queueMicrotask(() => session.close(closes.internalError))
  }

  /** Called by Node when an asynchronous listener rejects. */
  override [EventEmitter.captureRejectionSymbol](error: Error, ..._event: unknown[]): void {
    this.#fault(error, undefined)
  }
}

/** Whether a relay in production is open to the internet and limits nobody by address. */
function isUnguarded({ environment, host, trustProxy, ...limits }: Settings): boolean {
  const trusting = typeof trustProxy === 'number' ? trustProxy > 0 : trustProxy.length > 0
  const limited = limits.maxConnectionsPerIp > 0 || limits.connectionRatePerIp > 0
  return isProduction({ environment }) && isPublic(host) && !trusting && !limited
}
