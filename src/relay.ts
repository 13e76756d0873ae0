import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { JsonWebTokens, wantsTokens } from './auth/tokens.js'
import type { Authorize } from './core/authority.js'
import { closes } from './core/errors.js'
import { Hub } from './core/hub.js'
import type { Session } from './core/session.js'
import { Dialects } from './dialects/index.js'
import { createLogger, type Logger } from './log.js'
import { Announcer, type Emit, type RelayEvents } from './observe/announcer.js'
import { Journal } from './observe/journal.js'
import { Report, type Stats } from './observe/report.js'
import { type Options, OptionsError, parseOptions, type Settings } from './options/index.js'
import { Connections } from './server/connections.js'
import { answerTo, createPages } from './server/http.js'
import { hasIceServers, IcePage, type IceServers, iceServersFor } from './server/ice.js'
import { landingPage } from './server/landing.js'
import { createHttpServer, listen } from './server/listener.js'
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
  readonly #tokens: JsonWebTokens | undefined
  readonly #hub: Hub
  readonly #dialects: Dialects
  readonly #connections: Connections
  readonly #report: Report
  #server: Server | undefined
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
    this.#tokens = wantsTokens(this.#settings) ? new JsonWebTokens(this.#settings, this.#log) : undefined
    this.#hub = new Hub(this.#settings, new Announcer(this.#journal, this.#emit), {
      tokens: this.#tokens,
      authorize,
    })
    this.#dialects = new Dialects(this.#settings.dialects)
    this.#connections = new Connections(this.#hub, this.#dialects, this.#settings)
    this.#report = new Report(this.#hub)
  }

  /**
   * Listens on `port` and `host`.
   *
   * @returns The address in use, with the port that the system chose if `port` is 0.
   * @throws {ListenError} If the port is taken, or needs privileges.
   * @throws {OptionsError} If the files of the certificate cannot be used.
   */
  async listen(): Promise<AddressInfo> {
    if (this.#server || this.#closed !== undefined) throw new Error('A relay listens once')
    const pages = createPages(this.#report, () => this.#connections.draining, landingPage(this.#settings.dialects))
    const ice = hasIceServers(this.#settings) ? new IcePage(this.#settings, this.#hub, this.#tokens) : undefined
    const certificate = this.#settings.enableTls ? new CertificateFiles(this.#settings, this.#log) : undefined
    const server = createHttpServer(this.#settings, certificate?.read(), {
      answer: (request) =>
        ice && pathOf(targetOf(request)) === '/ice-servers' ? ice.answer(request) : answerTo(pages, request),
      upgrade: (request, socket, head) => this.#connections.upgrade(request, socket, head),
    })
    this.#server = server
    try {
      this.#listening = listen(server, this.#settings.port, this.#settings.host)
      const address = await this.#listening
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
      return address
    } catch (error) {
      this.#server = undefined
      throw error
    }
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
   * The STUN and TURN servers of the options, with fresh credentials, as `GET /ice-servers` gives them:
   * for apps that the relay is attached to.
   *
   * @param user Is part of the TURN servers' username; left out, it is a time alone.
   */
  iceServers(user?: string): IceServers {
    return iceServersFor(this.#settings, user)
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
    this.#hub.stop()
    this.#journal.close()
    this.#log.info('Relay stopped')
  }

  async #stopListening(): Promise<void> {
    // A port that is about to be opened would stay open.
    await this.#listening?.catch(() => {})
    const server = this.#server
    if (!server?.listening) return
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  #begin(): void {
    this.#tokens?.prepare().catch((error: unknown) => {
      this.#log.error({ err: error }, 'Tokens cannot be checked: nobody can get in')
    })
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
