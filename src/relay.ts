import { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { assertRedis } from './cluster/redis-client.js'
import type { ClientConnection } from './core/client-connection.js'
import { closes } from './core/close-reasons.js'
import type { Dialect, DialectName, PublishData } from './dialects/dialect.js'
import { attachProblems, attachTo, DEFAULT_UNCLAIMED_TIMEOUT } from './http/attached-server.js'
import { type IceServers, iceServersFor } from './http/ice-servers.js'
import type { EventTarget, RelayEvents } from './observability/relay-events.js'
import type { Stats } from './observability/status-report.js'
import { OptionsError, parseDrain } from './options/index.js'
import { problemsOf } from './options/together.js'
import { createHttpObserver, createServers, type Servers } from './servers.js'
import { createParts, type Parts, type RelayOptions } from './wiring.js'

/** How often the totals are logged, in milliseconds. */
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
  readonly #parts: Parts
  #servers: Servers | undefined
  /** Whether it serves, or will serve, a server of somebody else. */
  #attached = false
  readonly #detach: (() => void)[] = []
  #clustered: Promise<void> | undefined
  #listening: Promise<AddressInfo> | undefined
  #statistics: NodeJS.Timeout | undefined
  #closed: Promise<void> | undefined

  /**
   * @param options Never read from the environment.
   * @throws {OptionsError} If an option is wrong or unknown.
   */
  constructor(options: RelayOptions = {}) {
    super({ captureRejections: true })
    this.#parts = createParts(options, {
      emitFor: this.#emit,
      listenerCount: (name) => this.listenerCount(name),
    })
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
    const { tokens } = this.#parts
    const servers = await createServers(this.#parts, () => this.#drain())
    try {
      await tokens?.load()
      await this.#joinCluster()
      const address = await servers.listen()
      this.#servers = servers
      this.#begin()
      return address
    } catch (error) {
      await servers.stop()
      // A node that cannot serve must not stay among those that do, nor keep the process alive.
      if (!this.#attached) await this.#leaveCluster()
      throw error
    }
  }

  /** The address of the administrative pages, if they have one of their own and the relay listens. */
  get adminAddress(): AddressInfo | undefined {
    return this.#servers?.adminAddress
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
    const { settings, dialects, connections } = this.#parts
    const problems = [...attachProblems(options), ...(settings.redisUrl === '' ? [] : problemsOf(assertRedis))]
    if (problems.length > 0) throw new OptionsError(problems)
    const { prefix = '' } = options
    const detach = attachTo(server, {
      prefix,
      owns: (path) => dialects.owns(path),
      upgrade: (...upgrade) => connections.upgrade(...upgrade),
      unclaimedTimeout: settings.joinTimeout || DEFAULT_UNCLAIMED_TIMEOUT,
      failed: createHttpObserver(this.#parts).failed,
    })
    this.#detach.push(detach)
    this.#attached = true
    this.#begin()
    return this
  }

  /** The state of the relay, as `GET /stats` gives it. */
  stats(): Stats {
    return this.#parts.report.stats()
  }

  /**
   * The metrics of the relay and of its process in Prometheus' text format, as `GET /metrics` gives
   * them: `text/plain; version=0.0.4`. For servers of your own that the relay is attached to.
   */
  async metrics(): Promise<string> {
    return await this.#parts.metrics.text()
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
    return iceServersFor(this.#parts.settings, user, expires)
  }

  /**
   * Sends a message of the program to all members of a room, on all nodes. They get it in the form of a message from
   * another member. A room that keeps messages keeps it. No limit and no hook applies.
   *
   * @param room Its name, as events have it.
   * @param data What the dialect takes: see {@link PublishData}.
   * @returns How many members on this node get it. It is 0 if all members are on other nodes; they get it all the same.
   * @throws {TypeError} If the relay does not serve the dialect, or the dialect has no such room or no such message.
   */
  publish<D extends DialectName>(dialect: D, room: string, data: PublishData[D]): number {
    const { publisher, id } = this.#parts
    const kind = this.#dialect(dialect)
    return publisher.publish(kind, room, kind.encode(checkedName(room), data, id))
  }

  /**
   * Disconnects the members of a room that are connected to this node, with 1008 `Room closed by an operator`. A
   * client that joins later opens a new room.
   *
   * @param room Its name, as events have it.
   * @returns How many members were disconnected.
   * @throws {TypeError} If the relay does not serve the dialect.
   */
  closeRoom(dialect: DialectName, room: string): number {
    const { rooms } = this.#parts.context
    const found = rooms.find(this.#dialect(dialect), checkedName(room))
    return found ? rooms.disband(found) : 0
  }

  /**
   * Ends a connection to this node, with 1008 `Disconnected by an operator`.
   *
   * @returns Whether there was such a connection.
   */
  disconnect(connectionId: string): boolean {
    return this.#parts.connections.disconnect(connectionId)
  }

  /**
   * Reads `tlsCert` and `tlsKey` again, as the relay does by itself some seconds after they have changed. Open
   * connections notice nothing; files that cannot be used are logged, and the certificate before them is served on.
   *
   * @returns Whether the certificate comes from files.
   */
  reloadCertificate(): boolean {
    const { certificate, settings } = this.#parts
    certificate.current?.reload?.()
    return settings.tlsCert !== ''
  }

  /**
   * Stops: refuses new clients with HTTP 503, tells all members, closes their connections in small
   * groups over `drain` milliseconds so that they do not come back all at once, cuts what is left 10 s
   * later, and resolves when nothing is open any more. Calling it again waits for the same end.
   *
   * @param options `drain`: another period than the option's, in milliseconds or as text.
   * @throws {OptionsError} If `drain` is no duration: the promise rejects, and the relay goes on.
   */
  async close({ drain = this.#parts.settings.drain }: { drain?: number | string } = {}): Promise<void> {
    const period = parseDrain(drain)
    // Not at once: a listener of `closing` may call `close` itself, and must find the promise set.
    this.#closed ??= Promise.resolve().then(() => this.#close(period))
    await this.#closed
  }

  #dialect(name: DialectName): Dialect {
    const { dialects, settings } = this.#parts
    const dialect = dialects.find(name)
    if (dialect) return dialect
    throw new TypeError(`dialect must be one that this relay serves: ${settings.dialects.join(', ')}`)
  }

  async #close(drain: number): Promise<void> {
    const {
      log,
      logTarget,
      connections,
      descriptors,
      addressLimits,
      tokens,
      publisher,
      context,
      eventLog,
      clusterLog,
    } = this.#parts
    const { currentRooms: rooms, currentConnections } = this.stats()
    log.info({ rooms, connections: currentConnections, drain }, 'Relay shutting down')
    this.#emit(undefined, 'closing', () => ({ drain }))
    await connections.drain(drain)
    // A port that is about to be opened would stay open.
    await this.#listening?.catch(() => {})
    clearInterval(this.#statistics)
    descriptors.stop()
    for (const detach of this.#detach) detach()
    await this.#servers?.stop()
    addressLimits.stop()
    tokens?.stop()
    publisher.stop()
    context.stop()
    await this.#leaveCluster()
    eventLog.close()
    clusterLog.close()
    log.info({}, 'Relay stopped')
    await logTarget.close()
  }

  /** Stops, because an operator wants that. */
  #drain(): void {
    this.close().catch((error: unknown) => this.#parts.log.error({ err: error }, 'Drain failed'))
  }

  /** Gets in touch with the other nodes, or finds that it cannot for now. */
  #joinCluster(): Promise<void> {
    this.#clustered ??= this.#parts.cluster?.start() ?? Promise.resolve()
    return this.#clustered
  }

  async #leaveCluster(): Promise<void> {
    await this.#parts.cluster?.stop()
    this.#clustered = undefined
  }

  #begin(): void {
    const { tokens, descriptors, eventLog, clusterLog, report, context } = this.#parts
    this.#joinCluster().catch((error: unknown) => clusterLog.failed(error))
    tokens?.prepare()
    descriptors.start()
    this.#statistics ??= setInterval(() => {
      eventLog.statistics(report.stats(), context.rooms)
    }, STATISTICS_INTERVAL).unref()
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

  #fault(error: unknown, session: ClientConnection | undefined): void {
    this.#parts.eventLog.listenerFailed(error, session)
    // Not now: the session may be in the middle of a join or a leave.
    if (session) queueMicrotask(() => session.close(closes.internalError))
  }

  /** Called by Node when an asynchronous listener rejects. */
  override [EventEmitter.captureRejectionSymbol](error: Error, ..._event: unknown[]): void {
    this.#fault(error, undefined)
  }
}

function checkedName(room: string): string {
  if (typeof room !== 'string') throw new TypeError('room must be a string')
  return room
}
