import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { MemoryBus, Relay } from '../../src/index.js'
import { numbersIn } from '../support/metrics.js'
import { describeWithPromtool, promtool } from '../support/promtool.js'

interface Target {
  datasource: object
  expr: string
}

interface Panel {
  id: number
  type: string
  title: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: object
  targets?: Target[]
  fieldConfig?: { defaults: { unit?: string } }
}

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const read = (name: string): string => readFileSync(path(name), 'utf8')

const dashboard = JSON.parse(read('deploy/grafana/dashboard.json')) as {
  id: null
  panels: Panel[]
  templating: { list: { name: string; type: string }[] }
}
const panels = dashboard.panels.filter(({ type }) => type !== 'row')
const queries = panels.flatMap(({ targets = [] }) => targets)
const alerts = read('deploy/grafana/alerts.yml')
const alertNames = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name)

/** Metrics that a text names, `up` apart, which Prometheus makes itself. */
function metricsIn(text: string): Set<string> {
  return new Set(text.match(/\b(?:baton|process|nodejs)_[a-z][a-z0-9_]+/g))
}

// Prometheus' own of the process, such as process_max_fds, are all there only on Linux.
describe.skipIf(process.platform !== 'linux')('every metric that is named', () => {
  const known = new Set<string>()

  beforeAll(async () => {
    const text = await new Relay({ enableTls: true, backplane: new MemoryBus().connect() }).metrics()
    for (const name of numbersIn(text).keys()) known.add(name.replace(/\{.*/, ''))
    for (const [, name = '', type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
      known.add(name)
      if (type === 'histogram') for (const suffix of ['bucket', 'sum', 'count']) known.add(`${name}_${suffix}`)
    }
  })

  it.each([
    ['the dashboard', queries.map(({ expr }) => expr).join('\n')],
    ['the alerts', alerts],
    ["the alerts' tests", read('test/deploy/alerts.yml')],
    ['docs/metrics.md', read('docs/metrics.md')],
  ])('in %s is there', (_, text) => {
    const named = [...metricsIn(text)]
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => !known.has(name))).toEqual([])
  })

  it('and every metric of the relay is on the dashboard, but for what only alerts need', () => {
    const shown = metricsIn(queries.map(({ expr }) => expr).join('\n'))
    const own = [...known].filter((name) => /^baton_(?!batch_frames$)/.test(name))
    const hidden = own.filter((name) => !shown.has(name))
    expect(hidden.sort()).toEqual([
      'baton_certificate_expiry_timestamp_seconds',
      'baton_draining',
      'baton_heap_limit_bytes',
      'baton_max_rooms',
    ])
  })
})

describe('the dashboard', () => {
  it('can be imported anywhere: no id, and every query asks the chosen data source', () => {
    expect(dashboard.id).toBeNull()
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance'])
    const source = { type: 'prometheus', uid: `\${datasource}` }
    for (const each of [...panels, ...queries]) expect(each.datasource).toEqual(source)
    for (const { expr } of queries) expect(expr).toContain('{job=~"$job", instance=~"$instance"')
  })

  it('explains every panel, and gives it a unit', () => {
    for (const { title, type, description, fieldConfig } of panels) {
      expect(description, title).toBeTruthy()
      // A heatmap's unit belongs to its axis.
      if (type !== 'heatmap') expect(fieldConfig?.defaults.unit, title).toBeTruthy()
    }
  })

  it('has panels side by side that do not overlap, each with an id of its own', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)])
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
  })
})

describe('the alerts', () => {
  it('are each explained in docs/metrics.md, and tested to fire and not to', () => {
    const docs = read('docs/metrics.md')
    const tests = read('test/deploy/alerts.yml')
    expect(alertNames.length).toBeGreaterThan(10)
    for (const name of alertNames) {
      expect(docs).toContain(`| \`${name}\``)
      expect(tests).toContain(`name: ${name} fires\n`)
      expect(tests).toContain(`name: ${name} does not fire\n`)
    }
  })
})

describeWithPromtool('promtool', () => {
  it('accepts the alert rules', () => {
    const { ok, output } = promtool(['check', 'rules', path('deploy/grafana/alerts.yml')])
    expect(output).toContain(`SUCCESS: ${alertNames.length} rules found`)
    expect(ok).toBe(true)
  })

  it('finds that each alert fires when it should, and only then', () => {
    const { ok, output } = promtool(['test', 'rules', path('test/deploy/alerts.yml')])
    expect(output).not.toContain('FAILED')
    expect(ok).toBe(true)
  })

  it("accepts the dashboard's queries", () => {
    const folder = mkdtempSync(join(tmpdir(), 'baton-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'queries.json')
    const rules = queries.map(({ expr }, i) => ({
      record: `query:${i}`,
      expr: expr.replaceAll('$__rate_interval', '1m'),
    }))
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }))
    const { ok, output } = promtool(['check', 'rules', file])
    expect(output).toContain(`SUCCESS: ${queries.length} rules found`)
    expect(ok).toBe(true)
  })
})
