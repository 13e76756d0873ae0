import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { totalsOf } from '../../src/dialects/totals.js'
import { Router } from '../../src/http/router.js'
import { createRoutes } from '../../src/http/routes.js'
import { MetricsRegistry } from '../../src/observability/metrics-registry.js'
import { StatusReport } from '../../src/observability/status-report.js'
import { createContext } from '../support/context.js'

function createReport(sources: ConstructorParameters<typeof StatusReport>[2]): StatusReport {
  const context = createContext()
  return new StatusReport(context, () => totalsOf(context.counters), sources)
}

/** What `GET /health` says of a relay with these checks. */
async function look(
  healthChecks: (() => string | undefined)[],
  draining = false,
): Promise<[number, Record<string, unknown>]> {
  const report = createReport({ healthChecks, draining: () => draining })
  const absent = { landing: undefined, iceServers: undefined, dashboard: undefined }
  const routes = createRoutes({ report, metrics: new MetricsRegistry(), ...absent })
  const { status, body } = await new Router(routes).respond({ url: '/health' } as IncomingMessage)
  return [status, JSON.parse(String(body)) as Record<string, unknown>]
}

const well = (): undefined => undefined

describe('a degraded relay', () => {
  it('says so with all reasons, and with 200, since it serves on', async () => {
    const [status, health] = await look([() => 'the first', well, () => 'the second'])
    expect(status).toBe(200)
    expect(health).toMatchObject({ status: 'degraded', reasons: ['the first', 'the second'] })
  })

  it('is healthy again, without reasons, as soon as nothing is wrong', () => {
    const reasons = ['once']
    const report = createReport({ healthChecks: [() => reasons.pop()] })
    expect(report.health()).toMatchObject({ status: 'degraded', reasons: ['once'] })
    const health = report.health()
    expect(health.status).toBe('healthy')
    expect(health).not.toHaveProperty('reasons')
  })

  it('says only that it stops once it stops', async () => {
    const [status, health] = await look([() => 'the first'], true)
    expect(status).toBe(503)
    expect(health['status']).toBe('draining')
    expect(health).not.toHaveProperty('reasons')
  })
})
