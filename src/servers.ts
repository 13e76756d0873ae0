import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Dashboard } from './admin/dashboard.js'
import { loadRedis } from './cluster/redis-client.js'
import type { HttpObserver } from './http/handler.js'
import { IceEndpoint } from './http/ice-endpoint.js'
import { hasIceServers } from './http/ice-servers.js'
import { createLandingPage } from './http/landing-page.js'
import { listen } from './http/listen.js'
import { PublicRouter } from './http/public-router.js'
import { textResponse } from './http/response.js'
import { hangUpWith } from './http/response-writer.js'
import { type Route, Router } from './http/router.js'
import { adminRoutes, createRoutes, publicRoutes } from './http/routes.js'
import { createHttpServer, type HttpServer } from './http/server.js'
import { urlFor } from './http/url.js'
import { warnOfRisks } from './observability/startup-warnings.js'
import { allOf } from './options/together.js'
import type { Certificate } from './tls/certificate.js'
import { createCertificate } from './tls/create-certificate.js'
import { reasonOf } from './tls/openssl-reason.js'
import { PlainHttp } from './tls/plain-http.js'
import { watchDates } from './tls/validity.js'
import type { Parts } from './wiring.js'

/** Counts and logs what goes wrong in servers. */
export function createHttpObserver({ context, addressLimits, eventLog, descriptors }: Parts): HttpObserver {
  return {
    limited(limit, socket) {
      context.observer.limited(limit, undefined, socket && addressLimits.addressOf(socket))
    },
    failed: (error) => eventLog.pageFailed(error),
    acceptFailed: (error) => descriptors.acceptFailed(error),
  }
}

/** TLS, and the plain HTTP beside it. */
interface Tls {
  readonly plain: PlainHttp
  readonly certificate: Certificate
}

/**
 * Makes the servers of a relay. They do not listen yet.
 *
 * @param drain Stops the relay, for an operator.
 * @throws {OptionsError} If the certificate cannot be used, for its files or its store, or a package is not installed.
 */
export async function createServers(parts: Parts, drain: () => void): Promise<Servers> {
  const { settings, log } = parts
  const observer = createHttpObserver(parts)
  const plain = settings.enableTls ? new PlainHttp(settings, observer) : undefined
  const [certificate] = await allOf([
    plain && createCertificate(settings, log, plain),
    settings.redisUrl === '' ? undefined : loadRedis(),
  ])
  parts.certificate.current = certificate
  return new Servers(parts, observer, drain, plain && certificate && { plain, certificate })
}

/** The servers of a relay: that of `port`, that of `adminPort`, and plain HTTP beside TLS. */
export class Servers {
  readonly #parts: Parts
  readonly #observer: HttpObserver
  readonly #tls: Tls | undefined
  readonly #dashboard: Dashboard | undefined
  readonly #iceEndpoint: IceEndpoint | undefined
  readonly #public: HttpServer
  readonly #admin: HttpServer | undefined
  readonly #stopServing: (() => void)[] = []

  constructor(parts: Parts, observer: HttpObserver, drain: () => void, tls?: Tls) {
    const { settings, context, addressLimits, tokens } = parts
    this.#parts = parts
    this.#observer = observer
    this.#tls = tls
    this.#dashboard = createDashboard(parts, drain)
    if (hasIceServers(settings)) this.#iceEndpoint = new IceEndpoint(settings, context, addressLimits, tokens)
    const routes = this.#createRoutes()
    const hasAdminPort = settings.adminPort !== undefined
    this.#public = this.#createPublic(hasAdminPort ? publicRoutes(routes) : routes)
    if (hasAdminPort) this.#admin = this.#createAdmin(adminRoutes(routes))
  }

  /** The address of the administrative pages, if they have one of their own and listen. */
  get adminAddress(): AddressInfo | undefined {
    return (this.#admin?.server.address() as AddressInfo | null | undefined) ?? undefined
  }

  /**
   * Listens.
   *
   * @returns The address of `port`.
   * @throws {ListenError} If a port is taken, or needs privileges.
   */
  async listen(): Promise<AddressInfo> {
    const { settings, log } = this.#parts
    const { server } = this.#public
    await this.#listenForAdmins()
    const redirect = await this.#tls?.plain.redirect(() => (server.address() as AddressInfo | null)?.port)
    if (redirect) log.info({ address: redirect.address, port: redirect.port }, 'Redirecting to https')
    // Last, so that no WebSocket has come if one of the others fails.
    const address = await listen(server, settings.port, settings.host)
    this.#tell(address)
    this.#serveCertificate(server)
    return address
  }

  /** Stops listening, and ends all that is not a WebSocket. */
  async stop(): Promise<void> {
    for (const stop of this.#stopServing.splice(0)) stop()
    this.#iceEndpoint?.stop()
    // Until now it has shown how the connections go.
    this.#dashboard?.stop()
    await Promise.all([this.#public.stop(), this.#admin?.stop(), this.#tls?.plain.stop()])
  }

  async #listenForAdmins(): Promise<void> {
    const { settings, log } = this.#parts
    const { adminPort, adminHost } = settings
    if (!this.#admin || adminPort === undefined) return
    const { address, port } = await listen(this.#admin.server, adminPort, adminHost)
    log.info({ url: urlFor({ host: adminHost }, port), address, port }, 'Administrative pages listening')
  }

  #tell({ address, port }: AddressInfo): void {
    const { settings, log } = this.#parts
    const { enableTls: tls, dialects } = settings
    log.info({ url: urlFor(settings, port), address, port, tls, dialects }, 'Relay listening')
    warnOfRisks(settings, log)
  }

  #serveCertificate(server: Server): void {
    const certificate = this.#tls?.certificate
    if (!certificate || !(server instanceof TlsServer)) return
    this.#stopServing.push(certificate.serve(server), watchDates(certificate, this.#parts.log))
  }

  #createRoutes(): readonly Route[] {
    const { settings, metrics, report } = this.#parts
    const [iceEndpoint, dashboard] = [this.#iceEndpoint, this.#dashboard]
    return createRoutes({
      report,
      metrics,
      landing: settings.landingPage ? createLandingPage(settings) : undefined,
      iceServers: iceEndpoint && ((request) => iceEndpoint.respond(request)),
      dashboard: dashboard && ((request) => dashboard.respond(request)),
    })
  }

  #createPublic(routes: readonly Route[]): HttpServer {
    const { settings, context, addressLimits, dialects, connections, adminAuth } = this.#parts
    const { observer } = context
    const router = new PublicRouter(new Router(routes, adminAuth), addressLimits, dialects, observer)
    const http = createHttpServer(settings, this.#tls?.certificate.options, {
      ...this.#observer,
      accept: (socket) => addressLimits.accept(socket),
      respond: (request) => router.respond(request),
      upgrade: (request, socket, head) => connections.upgrade(request, socket, head),
    })
    http.server.on('tlsClientError', (error) => observer.handshakeFailed('tls', reasonOf(error)))
    return http
  }

  #createAdmin(routes: readonly Route[]): HttpServer {
    const { settings, adminAuth } = this.#parts
    const router = new Router(routes, adminAuth)
    return createHttpServer(settings, undefined, {
      ...this.#observer,
      respond: (request) => router.respond(request),
      upgrade(_request, socket) {
        hangUpWith(socket, textResponse(404, 'Not found'))
        return false
      },
    })
  }
}

function createDashboard(parts: Parts, drain: () => void): Dashboard | undefined {
  const { context, adminAuth, roomNames, eventLog, report, addressLimits, connections } = parts
  if (!adminAuth) return undefined
  return new Dashboard({
    context,
    adminAuth,
    roomNames,
    eventLog,
    health: () => report.health(),
    addressFor: (request) => addressLimits.addressFor(request),
    disconnect: (connectionId) => connections.disconnect(connectionId),
    drain,
  })
}
