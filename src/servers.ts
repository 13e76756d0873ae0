import type { IncomingMessage, Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Dashboard } from './admin/dashboard.js'
import { loadRedis } from './cluster/redis-client.js'
import { hasIceServers, IcePage } from './http/ice-servers.js'
import { createLandingPage } from './http/landing-page.js'
import { PublicPages } from './http/public-pages.js'
import { adminPages, answerTo, createPages, type Pages, publicPages } from './http/routes.js'
import { createHttpServer, type Handler, type HttpServer, listen } from './http/server.js'
import { urlFor } from './http/url.js'
import { warnOfRisks } from './observability/startup-warnings.js'
import { allOf } from './options/together.js'
import type { Certificate } from './tls/certificate.js'
import { createCertificate } from './tls/create-certificate.js'
import { reasonOf } from './tls/openssl-reason.js'
import { PlainHttp } from './tls/plain-http.js'
import { watchDates } from './tls/validity.js'
import type { Answer } from './websocket/handshake.js'
import { refuse } from './websocket/handshake.js'
import type { Parts } from './wiring.js'

/** What servers do with faults and with clients that they refuse. */
export type FaultHandler = Pick<Handler, 'limited' | 'failed' | 'acceptFailed'>

export function createFaultHandler({ context, addressLimits, eventLog, descriptors }: Parts): FaultHandler {
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
  const faults = createFaultHandler(parts)
  const plain = settings.enableTls ? new PlainHttp(settings, faults) : undefined
  const [certificate] = await allOf([
    plain && createCertificate(settings, log, plain),
    settings.redisUrl === '' ? undefined : loadRedis(),
  ])
  parts.certificate.current = certificate
  return new Servers(parts, faults, drain, plain && certificate && { plain, certificate })
}

/** The servers of a relay: that of `port`, that of `adminPort`, and plain HTTP beside TLS. */
export class Servers {
  readonly #parts: Parts
  readonly #faults: FaultHandler
  readonly #tls: Tls | undefined
  readonly #dashboard: Dashboard | undefined
  readonly #ice: IcePage | undefined
  readonly #public: HttpServer
  readonly #admin: HttpServer | undefined
  readonly #stopServing: (() => void)[] = []

  constructor(parts: Parts, faults: FaultHandler, drain: () => void, tls?: Tls) {
    const { settings, context, addressLimits, tokens, metrics, report } = parts
    this.#parts = parts
    this.#faults = faults
    this.#tls = tls
    this.#dashboard = createDashboard(parts, drain)
    if (hasIceServers(settings)) this.#ice = new IcePage(settings, context, addressLimits, tokens)
    const landing = settings.landingPage ? createLandingPage(settings) : undefined
    const pages = createPages(report, landing, metrics)
    this.#public = this.#createPublic(pages)
    if (settings.adminPort !== undefined) this.#admin = this.#createAdmin(adminPages(pages))
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
    this.#ice?.stop()
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

  #createPublic(pages: Pages): HttpServer {
    const { settings, context, addressLimits, dialects, connections, adminAuth } = this.#parts
    const { observer } = context
    const isShared = settings.adminPort === undefined
    const shown = new PublicPages({
      pages: isShared ? pages : publicPages(pages),
      clients: addressLimits,
      dialects,
      observer,
      gate: adminAuth,
      ice: this.#ice,
      dashboard: isShared ? this.#dashboard : undefined,
    })
    const http = createHttpServer(settings, this.#tls?.certificate.options, {
      ...this.#faults,
      accept: (socket) => addressLimits.accept(socket),
      answer: (request) => shown.answer(request),
      upgrade: (request, socket, head) => connections.upgrade(request, socket, head),
    })
    http.server.on('tlsClientError', (error) => observer.handshakeFailed('tls', reasonOf(error)))
    return http
  }

  #createAdmin(pages: Pages): HttpServer {
    const { settings, adminAuth } = this.#parts
    const dashboard = this.#dashboard
    return createHttpServer(settings, undefined, {
      ...this.#faults,
      answer(request: IncomingMessage): Answer | Promise<Answer> {
        return dashboard?.owns(request) ? dashboard.answer(request) : answerTo(pages, request, adminAuth)
      },
      upgrade(_request, socket) {
        refuse(socket, { status: 404, text: 'Not found' })
        return false
      },
    })
  }
}

function createDashboard(parts: Parts, drain: () => void): Dashboard | undefined {
  const { context, adminAuth, roomNames, eventLog, report, addressLimits, connections } = parts
  if (!adminAuth) return undefined
  return new Dashboard({
    hub: context,
    gate: adminAuth,
    namer: roomNames,
    journal: eventLog,
    health: () => report.health(),
    addressFor: (request) => addressLimits.addressFor(request),
    disconnect: (connectionId) => connections.disconnect(connectionId),
    drain,
  })
}
