import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { closes } from './core/errors.js'
import { type Authorize, Hub } from './core/hub.js'
import type { Session } from './core/session.js'
import { Dialects } from './dialects/index.js'
import { createLogger, isProduction, type Logger } from './log.js'
import { isPublic } from './networks.js'
import { Announcer, type Emit, type RelayEvents } from './observe/announcer.js'
import { Journal } from './observe/journal.js'
import { Report, type Stats } from './observe/report.js'
import { type Options, OptionsError, parseOptions, type Settings } from './options/index.js'
import { Gate } from './server/admin.js'
import { Clients } from './server/clients.js'
import { Connections } from './server/connections.js'
import { adminPages, answer, answerTo, createPages, HANG_UP, type Pages, publicPages, text } from './server/http.js'
import { landingPage } from './server/landing.js'
import { createHttpServer, type Handler, listen } from './server/listener.js'
import { CertificateFiles } from './server/tls.js'
import { pathOf, refuse, targetOf, wantsWebSocket } from './server/upgrade.js'

/** The options of a {@link Relay}: those of the schema, and what only code can give. */
export type RelayOptions = Options & {
  /** Decides who may connect, join a room and publish. Left out, everybody may. */
  authorize?: Authorize
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
  readonly #log: Logger
  readonly #journal: Journal
  readonly #hub: Hub
  readonly #dialects: Dialects
  readonly #clients: Clients
  readonly #connections: Connections
  readonly #report: Report
  readonly #gate: Gate | undefined
  #server: Server | undefined
  #adminServer: Server | undefined
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
    const { authorize, ...rest } = options
    this.#settings = parseOptions(rest)
    this.#log = createLogger(this.#settings)
    this.#journal = new Journal(this.#log, this.#settings)
    this.#hub = new Hub(this.#settings, new Announcer(this.#journal, this.#emit), authorize)
    this.#dialects = new Dialects(this.#settings.dialects)
    this.#clients = new Clients(this.#settings, this.#hub.observer)
    this.#connections = new Connections(this.#hub, this.#dialects, this.#clients, this.#settings)
    this.#report = new Report(this.#hub)
    const { adminToken } = this.#settings
    if (adminToken !== '') this.#gate = new Gate(adminToken, (request) => this.#onGuess(request))
  }

  /**
   * Listens on `port` and `host`.
   *
   * @returns The address in use, with the port that the system chose if `port` is 0.
   * @throws {ListenError} If the port is taken, or needs privileges; `adminPort` likewise.
   * @throws {OptionsError} If the files of the certificate cannot be used.
   */
  async listen(): Promise<AddressInfo> {
    if (this.#server || this.#closed !== undefined) throw new Error('A relay listens once')
    const { enableTls, adminPort } = this.#settings
    const pages = createPages(this.#report, () => this.#connections.draining, landingPage(this.#settings.dialects))
    const certificate = enableTls ? new CertificateFiles(this.#settings, this.#log) : undefined
    const server = createHttpServer(
      this.#settings,
      certificate?.read(),
      this.#publicHandler(adminPort === undefined ? pages : publicPages(pages)),
    )
    server.on('connection', (socket) => this.#clients.accept(socket))
    this.#server = server
    try {
      this.#listening = listen(server, this.#settings.port, this.#settings.host)
      const address = await this.#listening
      if (adminPort !== undefined) await this.#listenForAdmins(adminPort, adminPages(pages))
      this.#detach.push(certificate?.watch(server) ?? (() => {}))
      this.#begin()
      this.#log.info(
        {
          address: address.address,
          port: address.port,
          tls: this.#settings.enableTls,
          dialects: this.#settings.dialects,
        },
        'Relay listening',
      )
      if (isUnguarded(this.#settings)) {
        this.#log.warn(
          'Anybody on the internet may open any number of connections: set MAX_CONNECTIONS_PER_IP and CONNECTION_RATE_PER_IP, or TRUST_PROXY if a proxy in front limits them',
        )
      }
      return address
    } catch (error) {
      server.close()
      this.#server = undefined
      throw error
    }
  }

  /** The address of the administrative pages, if they have one of their own and the relay listens. */
  get adminAddress(): AddressInfo | undefined {
    return (this.#adminServer?.address() as AddressInfo | null | undefined) ?? undefined
  }

  /**
   * Serves the upgrade requests of an HTTP server that belongs to somebody else. Only the paths of the
   * dialects are taken, `/` among them, or with a prefix all below it; the rest is left to the server's
   * other listeners, or answered with 404 if it has none. Plain requests are left alone. {@link Relay.close} detaches.
   *
   * @param server An HTTP or HTTPS server, listening or not.
   * @param options `prefix`: a path such as `/relay` under which the dialects' paths lie, so that `/`
   *   stays free.
   * @throws {OptionsError} If the prefix does not begin with a slash.
   */
  attach(server: Server, { prefix = '' }: { prefix?: string } = {}): this {
    if (this.#closed !== undefined) throw new Error('This relay is closed')
    if (prefix !== '' && !prefix.startsWith('/')) {
      throw new OptionsError([{ option: 'prefix', problem: 'must begin with a slash' }])
    }
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const path = pathUnder(prefix, targetOf(request))
      // A prefix is all the relay's own, so what is wrong below it is answered as everywhere.
      const own = path !== undefined && (prefix !== '' || this.#dialects.owns(path))
      if (own && wantsWebSocket(request)) {
        this.#connections.upgrade(request, socket, head, path)
      } else if (server.listenerCount('upgrade') === 1) refuse(socket, { status: 404, text: 'Not found' })
    }
    server.on('upgrade', onUpgrade)
    this.#detach.push(() => server.off('upgrade', onUpgrade))
    this.#begin()
    return this
  }

  /** The state of the relay, as `GET /stats` gives it. */
  stats(): Stats {
    return this.#report.stats()
  }

  /**
   * Stops: turns newcomers away with HTTP 503, tells all members, closes their connections in small
   * groups over `drain` milliseconds so that they do not come back all at once, cuts what is left 10 s
   * later, and resolves when nothing is open any more. Calling it again waits for the same end.
   *
   * @param options `drain`: another period than the option's, in milliseconds or as text.
   * @throws {OptionsError} If `drain` is no duration.
   */
  close({ drain = this.#settings.drain }: { drain?: number | string } = {}): Promise<void> {
    const period = parseOptions({ drain }).drain
    this.#closed ??= this.#close(period)
    return this.#closed
  }

  async #close(drain: number): Promise<void> {
    this.#log.info({ ...this.#about(), drain }, 'Relay shutting down')
    clearInterval(this.#statistics)
    await this.#connections.drain(drain)
    for (const detach of this.#detach) detach()
    await this.#stopListening()
    this.#clients.stop()
    this.#hub.stop()
    this.#journal.close()
    this.#log.info('Relay stopped')
  }

  async #stopListening(): Promise<void> {
    // A port that is about to be opened would stay open.
    await this.#listening?.catch(() => {})
    await Promise.all([stop(this.#server), stop(this.#adminServer)])
  }

  async #listenForAdmins(port: number, pages: Pages): Promise<void> {
    this.#adminServer = createHttpServer(this.#settings, undefined, {
      ...this.#handler,
      answer: (request) => answerTo(pages, request, this.#gate),
      upgrade: (_request, socket) => refuse(socket, { status: 404, text: 'Not found' }),
    })
    const { address, port: actual } = await listen(this.#adminServer, port, this.#settings.adminHost)
    this.#log.info({ address, port: actual }, 'Administrative pages listening')
  }

  #publicHandler(pages: Pages): Handler {
    return {
      ...this.#handler,
      answer: (request) => {
        const refusal = this.#clients.forbid(request)
        if (refusal) return answer(request.method ?? 'GET', text(refusal.status, refusal.text, HANG_UP))
        return answerTo(pages, request, this.#gate)
      },
      upgrade: (request, socket, head) => this.#connections.upgrade(request, socket, head),
    }
  }

  readonly #handler: Pick<Handler, 'limited' | 'failed'> = {
    limited: (limit, socket) => {
      this.#hub.observer.limited(limit, undefined, socket && this.#clients.addressOf(socket))
    },
    failed: (error) => this.#log.error({ err: error }, 'Fault in a page'),
  }

  #onGuess(request: IncomingMessage): void {
    this.#hub.observer.limited('admin-token', undefined, this.#clients.addressFor(request))
  }

  #begin(): void {
    this.#statistics ??= setInterval(() => {
      this.#journal.statistics(this.#report.stats(), this.#hub.rooms)
    }, STATISTICS_INTERVAL).unref()
  }

  #about(): { rooms: number; connections: number } {
    const { currentRooms, currentConnections } = this.#report.stats()
    return { rooms: currentRooms, connections: currentConnections }
  }

  readonly #emit: Emit = (session, name, describe) => {
    if (this.listenerCount(name) === 0) return
    try {
      // EventEmitter's own types cannot follow a name that is itself generic.
      ;(this as EventEmitter).emit(name, describe())
    } catch (error) {
      this.#fault(error, session)
    }
  }

  #fault(error: unknown, session: Session | undefined): void {
    this.#log.error({ err: error, connectionId: session?.id }, 'Fault in an event listener')
    // Not now: the session may be in the middle of a join or a leave.
    if (session) queueMicrotask(() => session.close(closes.internalError))
  }

  /** Called by Node when an asynchronous listener rejects. */
  override [EventEmitter.captureRejectionSymbol](error: Error, ..._event: unknown[]): void {
    this.#fault(error, undefined)
  }
}

/** The path of a URL below `prefix`; undefined if it is elsewhere. */
function pathUnder(prefix: string, target: string): string | undefined {
  const path = pathOf(target)
  const base = pathOf(prefix)
  if (prefix === '' || base === '/') return path
  if (path === base) return '/'
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined
}

async function stop(server: Server | undefined): Promise<void> {
  if (!server?.listening) return
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** Whether a relay in production is open to the internet and limits nobody by address. */
function isUnguarded({ environment, host, trustProxy, ...limits }: Settings): boolean {
  const trusting = typeof trustProxy === 'number' ? trustProxy > 0 : trustProxy.length > 0
  const limited = limits.maxConnectionsPerIp > 0 || limits.connectionRatePerIp > 0
  return isProduction(environment) && isPublic(host) && !trusting && !limited
}
