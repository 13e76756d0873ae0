import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { ageClock } from '../core/clocks.js'

/** How long a session lasts, in milliseconds. */
const LIFETIME = 12 * 3_600_000

/** How many there may be. One more ends the oldest. */
const MAX_SESSIONS = 100

const COOKIE = 'baton-dashboard'

/** Operators who have shown the admin token. A cookie has the random id of each session; all end with the relay. */
export class AdminSessions {
  /** Their ends, in milliseconds of the clock, from the oldest to the newest. */
  readonly #ends = new Map<string, number>()
  readonly #now: () => number

  constructor(now = () => ageClock.now()) {
    this.#now = now
  }

  /** Opens a session. @returns The cookie to set. */
  open(request: IncomingMessage): string {
    const [oldest] = this.#ends.keys()
    if (this.#ends.size >= MAX_SESSIONS && oldest !== undefined) this.#ends.delete(oldest)
    const id = randomBytes(32).toString('base64url')
    this.#ends.set(id, this.#now() + LIFETIME)
    return cookie(request, id, LIFETIME / 1000)
  }

  /** The session of a request, by its id; undefined if there is none. */
  idOf(request: IncomingMessage): string | undefined {
    const pattern = new RegExp(`(?:^|; *)${COOKIE}=([\\w-]+)`)
    const [, id] = pattern.exec(request.headers.cookie ?? '') ?? []
    return id !== undefined && this.isGood(id) ? id : undefined
  }

  isGood(id: string): boolean {
    const end = this.#ends.get(id)
    if (end === undefined) return false
    if (end > this.#now()) return true
    this.#ends.delete(id)
    return false
  }

  /** Ends a session. @returns The cookie to set. */
  close(request: IncomingMessage, id: string): string {
    this.#ends.delete(id)
    return cookie(request, '', 0)
  }
}

/** Without `Path`, it is for the dashboard and what is below, wherever a proxy has put that: RFC 6265 section 5.1.4. */
function cookie(request: IncomingMessage, value: string, seconds: number): string {
  const secure = isSecure(request) ? '; Secure' : ''
  return `${COOKIE}=${value}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`
}

/** A proxy that lies about it breaks only its own client's cookie. */
function isSecure({ socket, headers }: IncomingMessage): boolean {
  return socket instanceof TLSSocket || /^https\b/i.test(String(headers['x-forwarded-proto'] ?? ''))
}

/**
 * Whether a request that changes something comes from a page of the relay itself. Browsers say so in one header or
 * the other: the first is not sent over plain HTTP. https://www.w3.org/TR/fetch-metadata/
 */
export function isSameOrigin({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin = '', host } = headers
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}
