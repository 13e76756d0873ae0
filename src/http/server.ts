import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { Settings } from '../options/index.js'
import { refuseBadRequest } from './bad-requests.js'
import type { HttpHandler } from './handler.js'
import { HEADERS_READ, wantsWebSocket } from './request.js'
import { Responder } from './responder.js'
import { ignoreErrors, onUpgrade, Sockets } from './sockets.js'

/** Node's default, in milliseconds. */
const CHECKING_INTERVAL = 30_000

/** TCP connections of a server beside its WebSockets, for plain requests and handshakes. */
const SPARE_CONNECTIONS = 1000

/** The target and the headers of a request together, in bytes: Node's default, said here so that it stays. */
const MAX_HEADER_SIZE = 16 * 1024

/** How many requests a connection may carry before it is closed. */
const MAX_REQUESTS = 100

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
  handler: HttpHandler,
): HttpServer {
  const responder = new Responder(handler)
  const onRequest: RequestListener = (request, response: LastResponse) => {
    // Node says `Connection: close` with the last response, but leaves the connection open for as long as an idle one.
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
  if (maxConnections > 0) server.maxConnections = maxConnections + SPARE_CONNECTIONS
  server.on('drop', () => handler.limited('connections', undefined))
  // The last response says that it is the last. A client that asks on would get 503 each time.
  server.on('dropRequest', (_request, socket) => {
    if (!socket.destroyed) handler.limited('requests', socket as Socket)
    socket.destroy()
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    refuseBadRequest(error, ignoreErrors(socket), handler),
  )
  server.prependListener('secureConnection', ignoreErrors)
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
  filterConnections(server, (socket) => {
    sockets.accept(socket)
    return handler.accept?.(socket) !== false
  })
  return { server, stop: async () => await stop(server, sockets) }
}

/** Asks before anything else is done with a new connection: a parser of HTTP costs something, and TLS a lot. */
function filterConnections(server: Server, accept: (socket: Socket) => boolean): void {
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
    // HTTP itself knows nothing of a TLS handshake, nor of an upgrade whose response is still being made.
    sockets.destroy()
  })
}
