import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { ageClock } from '../core/clocks.js'

/** How long one lasts, in milliseconds. */
const LIFE = 12 * 3_600_000

/** How many there may be; another one ends the oldest. */
const MOST = 100

const COOKIE = 'baton-dashboard'

/** Who has shown the admin token: known by a random id in a cookie, which is forgotten when the relay stops. */
export class AdminSessions {
  /** Their ends, in milliseconds of the clock, from the oldest to the newest. */
  readonly #ends = new Map<string, number>()
  readonly #now: () => number

  constructor(now = () => ageClock.now()) {
    this.#now = now
  }

  /** Lets somebody in. @returns The cookie to set. */
  open(request: IncomingMessage): string {
    const [oldest] = this.#ends.keys()
    if (this.#ends.size >= MOST && oldest !== undefined) this.#ends.delete(oldest)
    const id = randomBytes(32).toString('base64url')
    this.#ends.set(id, this.#now() + LIFE)
    return cookie(request, id, LIFE / 1000)
  }

  /** The id that a request comes with, if it is good. */
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

  /** Ends one. @returns The cookie to set. */
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

/** A proxy that lies about it spoils but its own client's cookie. */
function isSecure({ socket, headers }: IncomingMessage): boolean {
  return socket instanceof TLSSocket || /^https\b/i.test(String(headers['x-forwarded-proto'] ?? ''))
}

/**
 * Whether a request that changes something comes from a page of the relay itself. Browsers say so in one header or
 * the other: the first is not sent over plain HTTP. https://www.w3.org/TR/fetch-metadata/
 */
export function isOwn({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin = '', host } = headers
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}
