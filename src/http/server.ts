import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { LimitName } from '../core/observer.js'
import type { Settings } from '../options/index.js'
import { type Answer, HEADERS_READ, wantsWebSocket } from '../websocket/handshake.js'
import { turnAway } from './bad-requests.js'
import { Responder } from './responder.js'
import { type OwnedSocket, onUpgrade, own, Sockets } from './sockets.js'

/** Why the relay cannot listen. */
export class ListenError extends Error {
  /** The system's error code, such as `EADDRINUSE` or `EACCES`. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'ListenError'
    this.code = code
  }
}

/** Node's default, in milliseconds. */
const CHECKING_INTERVAL = 30_000

/** Places for plain HTTP requests and handshakes beside the WebSockets. */
const SPARE_SOCKETS = 1000

/** The target and the headers of a request together, in bytes: Node's default, said here so that it stays. */
const MAX_HEADER_SIZE = 16 * 1024

/** How many requests a connection may carry before it is closed. */
const MAX_REQUESTS = 100

/** What a server does with what comes. */
export interface Handler {
  /** Whether a TCP connection may stay. */
  accept?(socket: Socket): boolean
  /** Answers a plain request. */
  answer(request: IncomingMessage): Answer | Promise<Answer>
  /** Takes a WebSocket's handshake; true if the socket is a WebSocket from now on. */
  upgrade(request: IncomingMessage, socket: OwnedSocket, head: Buffer): boolean
  /** Called for clients that are refused before they have sent anything of use. */
  limited(limit: LimitName, socket: Socket | undefined): void
  /** Called for faults. */
  failed(error: unknown): void
  /** Called with the reason when a connection could not be accepted. */
  acceptFailed(error: Error): void
}

/** A server, and how to end it. */
export interface HttpServer {
  readonly server: Server
  /** Stops listening, and cuts all that is not a WebSocket, whatever it is waiting for. */
  stop(): Promise<void>
}

/** The options that a server obeys. */
type ServerSettings = Pick<Settings, 'joinTimeout' | 'keepAliveTimeout' | 'maxConnections'>

/** Node sets this for the last request of `maxRequestsPerSocket`; its types do not tell. */
type LastResponse = ServerResponse & { maxRequestsOnConnectionReached?: boolean }

/** An HTTP server with deadlines, or an HTTPS server if there are options of TLS; not listening yet. */
export function createHttpServer(
  { joinTimeout, keepAliveTimeout, maxConnections }: ServerSettings,
  tls: ServerOptions | undefined,
  handler: Handler,
): HttpServer {
  const responder = new Responder(handler)
  const onRequest: RequestListener = (request, response: LastResponse) => {
    // Node says `Connection: close` with the last answer, but leaves the connection open for as long as an idle one.
    if (response.maxRequestsOnConnectionReached) response.shouldKeepAlive = false
    responder.respond(request, response)
  }
  const options = {
    headersTimeout: joinTimeout,
    requestTimeout: joinTimeout,
    keepAliveTimeout,
    maxHeaderSize: MAX_HEADER_SIZE,
    // The default of 30 s would let a silent socket wait that long whatever the deadline.
    connectionsCheckingInterval:
      joinTimeout > 0 ? Math.max(50, Math.min(1000, Math.ceil(joinTimeout / 4))) : CHECKING_INTERVAL,
  }
  const server = tls
    ? createTlsServer({ ...options, ...tls, ...(joinTimeout > 0 && { handshakeTimeout: joinTimeout }) }, onRequest)
    : createServer(options, onRequest)
  server.maxHeadersCount = HEADERS_READ
  server.maxRequestsPerSocket = MAX_REQUESTS
  if (maxConnections > 0) server.maxConnections = maxConnections + SPARE_SOCKETS
  server.on('drop', () => handler.limited('connections', undefined))
  // A client that goes on after the last answer, which says that it is the last, would get 503 each time.
  server.on('dropRequest', (_request, socket) => {
    if (!socket.destroyed) handler.limited('requests', socket as Socket)
    socket.destroy()
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => turnAway(error, own(socket), handler))
  server.prependListener('secureConnection', own)
  // Without a listener this would end the process. Why the server cannot listen is heard by `listen`.
  server.on('error', (error) => server.listening && handler.acceptFailed(error))
  server.once('close', () => responder.stop())
  const sockets = new Sockets()
  onUpgrade(
    server,
    (request, socket, head) => {
      // An upgrade to something that is not spoken here, such as h2c, is ignored: RFC 9110 section 7.8.
      if (!wantsWebSocket(request)) responder.respondAndHangUp(request, socket)
      else if (handler.upgrade(request, socket, head)) sockets.release(socket)
    },
    (error) => handler.failed(error),
  )
  guard(server, (socket) => {
    sockets.accept(socket)
    return handler.accept?.(socket) !== false
  })
  return { server, stop: async () => await stop(server, sockets) }
}

/** Asks before anything else is done with a new connection: a parser of HTTP costs something, and TLS a lot. */
function guard(server: Server, accept: (socket: Socket) => boolean): void {
  const takers = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket) => {
    if (!accept(socket)) return
    for (const take of takers) take.call(server, socket)
  })
}

async function stop(server: Server, sockets: Sockets): Promise<void> {
  if (!server.listening) return
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    // HTTP itself knows nothing of a TLS handshake, nor of an upgrade whose page is still being made.
    sockets.destroy()
  })
}

/**
 * Listens.
 *
 * @returns The address in use.
 * @throws {ListenError} If the port is taken, or needs privileges that the process has not.
 */
export async function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(explain(error, port, host))
    server.once('error', onError)
    server.listen({ port, ...(host && { host }) }, () => {
      server.off('error', onError)
      resolve()
    })
  })
  return server.address() as AddressInfo
}

function explain({ code = '', message }: NodeJS.ErrnoException, port: number, host: string): ListenError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} is already in use. Stop the process that has it (lsof -i :${port}), or choose another port.`,
    EACCES:
      `Port ${port} needs privileges. Give them to Node with ` +
      "sudo setcap 'cap_net_bind_service=+ep' $(readlink -f $(which node)), or choose a port above 1023.",
    EADDRNOTAVAIL: `This machine has no address ${host}.`,
    ENOTFOUND: `The host ${host} is not known.`,
  }
  return new ListenError(code, reasons[code] ?? `Cannot listen on port ${port}: ${message}`)
}
