import type { MetricsRegistry } from '../observability/metrics-registry.js'
import type { Health, StatusReport } from '../observability/status-report.js'
import { jsonResponse, type Response, UNCACHED } from './response.js'
import { READ_METHODS, type Respond, type Route } from './router.js'

const HEALTH = '/health'

/** What the routes serve. Each page that may be left out has no route then. */
interface Pages {
  readonly report: StatusReport
  readonly metrics: MetricsRegistry
  readonly landing: Respond | undefined
  readonly iceServers: Respond | undefined
  readonly dashboard: Respond | undefined
}

/** All that is served beside the WebSockets. */
export function createRoutes({ report, metrics, landing, iceServers, dashboard }: Pages): readonly Route[] {
  const methods = READ_METHODS
  const health = (): Response => healthResponse(report.health())
  const stats = (): Response => jsonResponse(200, report.stats())
  return [
    ...(landing ? [{ path: '/', methods, access: 'public', respond: landing } as const] : []),
    { path: HEALTH, methods, access: 'public', respond: health },
    ...(iceServers ? [{ path: '/ice-servers', access: 'public', respond: iceServers } as const] : []),
    { path: '/stats', methods, access: 'admin-token', respond: stats },
    { path: '/metrics', methods, access: 'admin-token', respond: () => metricsResponse(metrics) },
    ...(dashboard ? [{ path: '/dashboard/*', access: 'admin-session', respond: dashboard } as const] : []),
  ]
}

/** What `PORT` serves when the routes for operators have moved to `ADMIN_PORT`. */
export function publicRoutes(routes: readonly Route[]): readonly Route[] {
  return routes.filter(({ access }) => access === 'public')
}

/** What `ADMIN_PORT` serves: the routes for operators, and whether all is well. */
export function adminRoutes(routes: readonly Route[]): readonly Route[] {
  return routes.filter(({ path, access }) => access !== 'public' || path === HEALTH)
}

/** With HTTP 503 while a balancer should send no clients. */
function healthResponse(health: Health): Response {
  return jsonResponse(health.status === 'draining' || health.status === 'starting' ? 503 : 200, health)
}

async function metricsResponse(metrics: MetricsRegistry): Promise<Response> {
  return { status: 200, headers: { 'Content-Type': metrics.type, ...UNCACHED }, body: await metrics.text() }
}
