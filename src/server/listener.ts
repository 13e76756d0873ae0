import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Answer, hangUpWith, wantsWebSocket } from './upgrade.js'

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

/** What an idle HTTP connection may keep open for the next request, in milliseconds. */
const KEEP_ALIVE = 5000

/** Node's default, in milliseconds. */
const CHECKING_INTERVAL = 30_000

/** Places for plain HTTP requests and handshakes beside the WebSockets. */
const SPARE_SOCKETS = 1000

/** What a server does with what comes. */
export interface Handler {
  /** Answers a plain request; never rejects. */
  answer(request: IncomingMessage): Answer | Promise<Answer>
  /** Takes a WebSocket's handshake. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** An HTTP server with deadlines, or an HTTPS server if there are options of TLS; not listening yet. */
export function createHttpServer(
  { joinTimeout, maxConnections }: { joinTimeout: number; maxConnections: number },
  tls: ServerOptions | undefined,
  handler: Handler,
): Server {
  /** Sockets whose answer is still being made: an upgrade that was pipelined behind it has to wait. */
  const answering = new WeakMap<Duplex, Promise<void>>()
  const onRequest: RequestListener = (request, response) => {
    // What a body would say is of no interest, but it must not stop the next request.
    request.resume()
    const write = ({ status, headers, body }: Answer): void => void response.writeHead(status, headers).end(body)
    const answer = handler.answer(request)
    if (answer instanceof Promise) answering.set(request.socket, answer.then(write))
    else write(answer)
  }

  const options = {
    headersTimeout: joinTimeout,
    requestTimeout: joinTimeout,
    keepAliveTimeout: KEEP_ALIVE,
    // The default of 30 s would let a silent socket wait that long whatever the deadline.
    connectionsCheckingInterval:
      joinTimeout > 0 ? Math.max(50, Math.min(1000, Math.ceil(joinTimeout / 4))) : CHECKING_INTERVAL,
  }
  const server = tls
    ? createTlsServer({ ...options, ...tls, ...(joinTimeout > 0 && { handshakeTimeout: joinTimeout }) }, onRequest)
    : createServer(options, onRequest)
  if (maxConnections > 0) server.maxConnections = maxConnections + SPARE_SOCKETS
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (wantsWebSocket(request)) {
      handler.upgrade(request, socket, head)
      return
    }
    // An upgrade to something that is not spoken here, such as h2c, is ignored: RFC 9110 section 7.8.
    const answer = handler.answer(request)
    if (answer instanceof Promise) whenReady(answer, socket, (made) => hangUpWith(socket, made))
    else hangUpWith(socket, answer)
  }
  server.on('upgrade', (request, socket, head) => {
    const before = answering.get(socket)
    if (before === undefined) onUpgrade(request, socket, head)
    else whenReady(before, socket, () => onUpgrade(request, socket, head))
  })
  return server
}

/** Goes on when something is ready, unless the socket, to which nobody listens meanwhile, breaks before. */
function whenReady<T>(ready: Promise<T>, socket: Duplex, act: (value: T) => void): void {
  const destroy = (): void => void socket.destroy()
  socket.on('error', destroy)
  void ready.then((value) => {
    socket.off('error', destroy)
    if (!socket.destroyed) act(value)
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
