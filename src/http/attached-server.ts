import type { IncomingMessage, Server } from 'node:http'
import { Deadlines } from '../core/deadlines.js'
import type { OptionProblem } from '../options/index.js'
import { pathOf, targetOf, wantsWebSocket } from './request.js'
import { textResponse } from './response.js'
import { hangUpWith } from './response-writer.js'
import { type OwnedSocket, onUpgrade } from './sockets.js'

/** A relay that is attached to a server. */
export interface Attachment {
  /** All paths below it belong to the relay; if it is empty, only those of the dialects do. */
  readonly prefix: string
  readonly owns: (path: string) => boolean
  /** Takes an upgrade to a WebSocket, or refuses it. `path` is that below the prefix. */
  readonly upgrade: (request: IncomingMessage, socket: OwnedSocket, head: Buffer, path: string) => void
  /** How long an upgrade that is left to other listeners may stay untouched before it is answered 404, in milliseconds. */
  readonly unclaimedTimeout: number
  /** Called for faults. */
  readonly failed: (error: unknown) => void
}

/** The same where `joinTimeout` is 0: an upgrade that nobody wants must not stay open for ever. */
export const DEFAULT_UNCLAIMED_TIMEOUT = 10_000

const NOT_FOUND = textResponse(404, 'Not found')

const servers = new WeakMap<Server, SharedServer>()

/**
 * Serves the upgrades of a server that belongs to somebody else.
 *
 * @returns Stops that.
 */
export function attachTo(server: Server, attachment: Attachment): () => void {
  let shared = servers.get(server)
  if (!shared) servers.set(server, (shared = new SharedServer(server)))
  return shared.add(attachment)
}

/** An upgrade that is left to the listeners of others. */
interface Unclaimed {
  readonly socket: OwnedSocket
  /** Bytes that had been written to the socket when the upgrade came. */
  readonly written: number
}

/** A server with one or more relays attached: the first that wants an upgrade gets it. */
class SharedServer {
  readonly #server: Server
  readonly #attachments = new Set<Attachment>()
  readonly #unclaimed = new Deadlines<Unclaimed>(({ socket, written }) => {
    if (isUntouched(socket, written)) hangUpWith(socket, NOT_FOUND)
  })
  #stop: (() => void) | undefined

  constructor(server: Server) {
    this.#server = server
  }

  add(attachment: Attachment): () => void {
    this.#attachments.add(attachment)
    this.#stop ??= onUpgrade(this.#server, (...upgrade) => this.#offer(...upgrade), attachment.failed)
    return () => this.#remove(attachment)
  }

  #remove(attachment: Attachment): void {
    if (!this.#attachments.delete(attachment) || this.#attachments.size > 0) return
    this.#stop?.()
    this.#stop = undefined
  }

  #offer(request: IncomingMessage, socket: OwnedSocket, head: Buffer): void {
    for (const { prefix, owns, upgrade } of wantsWebSocket(request) ? this.#attachments : []) {
      const path = pathUnder(prefix, targetOf(request))
      // What is wrong below a prefix is answered as everywhere.
      if (path === undefined || (prefix === '' && !owns(path))) continue
      upgrade(request, socket, head, path)
      return
    }
    // The last relay may have gone while the answers before this upgrade were made.
    const own = this.#stop ? 1 : 0
    if (this.#server.listenerCount('upgrade') === own) hangUpWith(socket, NOT_FOUND)
    else if (this.#attachments.size > 0) this.#leave(socket)
  }

  /** Leaves an upgrade to the other listeners. One that takes it reads or writes, perhaps only after some time. */
  #leave(socket: OwnedSocket): void {
    const timeout = Math.min(...[...this.#attachments].map(({ unclaimedTimeout }) => unclaimedTimeout))
    const deadline = this.#unclaimed.set({ socket, written: socket.bytesWritten }, timeout)
    socket.once('close', () => this.#unclaimed.cancel(deadline))
  }
}

function isUntouched(socket: OwnedSocket, written: number): boolean {
  const read = socket.listenerCount('data') + socket.listenerCount('readable') > 0
  return !socket.destroyed && !read && socket.bytesWritten === written
}

/** The path of a URL below `prefix`; undefined if it is elsewhere. */
function pathUnder(prefix: string, target: string): string | undefined {
  const path = pathOf(target)
  const base = pathOf(prefix)
  if (prefix === '' || base === '/') return path
  if (path === base) return '/'
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined
}

/** What is wrong with the options of `Relay.attach`. */
export function attachProblems({ prefix = '', ...others }: { prefix?: unknown }): OptionProblem[] {
  const unknown = Object.keys(others).map((option) => ({ option, problem: 'there is no such option' }))
  const fits = prefix === '' || (typeof prefix === 'string' && prefix.startsWith('/'))
  return fits ? unknown : [{ option: 'prefix', problem: 'must begin with a slash' }, ...unknown]
}
