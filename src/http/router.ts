import type { IncomingMessage } from 'node:http'
import { type AdminAuth, CHALLENGES } from './admin-auth.js'
import { pathOf, targetOf } from './request.js'
import { HANG_UP, type Response, textResponse, UNCACHED } from './response.js'

/** Makes the response to a request. */
export type Respond = (request: IncomingMessage) => Response | Promise<Response>

/** A path, and who gets what there. */
export interface Route {
  /** With `/*` at its end it stands for all paths below it, too. */
  readonly path: string
  /** `OPTIONS` names them, and others get 405. Without a list `respond` sees to both. */
  readonly methods?: readonly string[]
  /**
   * `admin-token`: the router asks for the admin token. If the relay has none, the route is public. `admin-session`: the
   * route has a sign-in of its own. A route that must never be public is left out if the relay has no admin token.
   */
  readonly access: 'public' | 'admin-token' | 'admin-session'
  readonly respond: Respond
}

/** The methods of a route that is only read. */
export const READ_METHODS = ['GET', 'HEAD', 'OPTIONS']

const NOT_FOUND = textResponse(404, 'Baton relay - Use WebSocket endpoint: ws://host/room/{roomId}\n')

const UNAUTHORIZED = textResponse(401, 'The admin token is needed\n', {
  ...HANG_UP,
  ...UNCACHED,
  'WWW-Authenticate': CHALLENGES,
})

/** Finds the route of each request. */
export class Router {
  readonly #routes: readonly Route[]
  readonly #adminAuth: AdminAuth | undefined

  /** @param adminAuth Left out, the routes with `admin-token` are public. */
  constructor(routes: readonly Route[], adminAuth?: AdminAuth) {
    this.#routes = routes
    this.#adminAuth = adminAuth
  }

  find(path: string): Route | undefined {
    return this.#routes.find((route) => matches(route.path, path))
  }

  /** The response to a request: at once, if its route can. */
  respond(request: IncomingMessage): Response | Promise<Response> {
    const route = this.find(pathOf(targetOf(request)))
    if (!route) return NOT_FOUND
    const { method = 'GET' } = request
    const { access, methods } = route
    if (access === 'admin-token' && this.#adminAuth?.admits(request) === false) return UNAUTHORIZED
    if (!methods) return route.respond(request)
    if (method === 'OPTIONS') return { status: 204, headers: { Allow: methods.join(', ') }, body: '' }
    return methods.includes(method) ? route.respond(request) : methodNotAllowed(methods)
  }
}

/** RFC 9110 section 15.5.6. */
export function methodNotAllowed(methods: readonly string[]): Response {
  return textResponse(405, 'Method not allowed\n', { Allow: methods.join(', ') })
}

function matches(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/*')) return path === pattern
  const base = pattern.slice(0, -2)
  return path === base || path.startsWith(`${base}/`)
}
