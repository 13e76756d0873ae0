/** `npm run bench:cluster`: what several nodes cost, over a Redis that it starts itself. */
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { figures, scenarios } from './cluster/scenarios.js'
import { describeHost } from './machine.js'
import { markdownTable, writeSection } from './page.js'
import { startServer, work } from './processes.js'
import { cell, format } from './report.js'
import { servers } from './servers.js'
import { median, spread } from './summary.js'

const usage = `npm run bench:cluster -- [options]

  --runs N         runs of each variant, in turn (default 5)
  --quick          fewer and shorter runs
  --only a,b       these scenarios: ${scenarios.map(({ name }) => name).join(', ')}
  --write-docs     put the results into docs/scaling.md; only for a whole run
  --help
`

/** In milliseconds, but for the counts: to get warm, to measure, to be idle; how many clients are welcomed; the longest a run may take. */
const FULL = { runs: 5, warmup: 1000, duration: 3000, span: 75_000, joins: 500, timeout: 180_000 }
const QUICK = { runs: 2, warmup: 500, duration: 1000, span: 15_000, joins: 100, timeout: 120_000 }

/** For nodes to have met. */
const MEETING = 500

const redis = {
  command: (port) => [
    'redis-server',
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ],
}

function readPlan() {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const pace = values.quick ? QUICK : FULL
  const runs = Number(values.runs ?? pace.runs)
  if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number, 1 or more')
  const names = values.only?.split(',') ?? scenarios.map(({ name }) => name)
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name))
  if (unknown.length > 0) throw new Error(`There is no scenario ${unknown.join(', ')}`)
  const writeDocs = values['write-docs']
  if (writeDocs && (values.quick || values.only || runs < FULL.runs)) {
    throw new Error(`--write-docs needs a whole run: no --quick or --only, and at least ${FULL.runs} runs`)
  }
  return { ...pace, runs, names, writeDocs, help: values.help }
}

/** One run of one variant, all processes fresh. */
async function measure(plan, { job }, { nodes, redis: joined = false, job: special }) {
  const running = []
  try {
    const broker = joined ? await startServer(redis) : undefined
    if (broker) running.push(broker)
    const env = broker ? { REDIS_URL: `redis://127.0.0.1:${broker.port}` } : {}
    const relays = []
    for (let node = 0; node < nodes; node++) relays.push(await startServer(servers.baton, env))
    running.push(...relays)
    await sleep(MEETING)
    const ports = relays.map(({ port }) => port)
    const pid = relays.map((relay) => relay.pid)
    const { warmup, duration, span, joins, timeout } = plan
    const [dialect] = servers.baton.dialects
    const common = { dialect, warmup, duration, span, joins, ports, pid, broker: broker?.pid }
    return await work({ ...common, ...job, ...special }, timeout)
  } finally {
    await Promise.all(running.map((each) => each.stop()))
  }
}

/** Every variant once, then every variant again. */
async function runScenario(plan, scenario) {
  const runs = scenario.variants.map(() => [])
  const count = Math.min(plan.runs, scenario.most ?? plan.runs)
  for (let run = 1; run <= count; run++) {
    for (const [index, variant] of scenario.variants.entries()) {
      console.error(`${scenario.title}: ${variant.title}, run ${run} of ${count}`)
      runs[index].push(await measure(plan, scenario, variant))
    }
  }
  return { ...scenario, runs, verdict: judge(scenario, runs) }
}

/** Holds the last variant to the first, run by run: what else the machine does meets both. */
function judge({ target }, runs) {
  if (!target) return undefined
  const [base, other] = [runs[0], runs.at(-1)]
  const ratio = median(other.map((run, index) => run[target.figure] / base[index][target.figure]))
  const verdict = ratio <= target.max ? 'met' : 'missed'
  return `${figures[target.figure]}: at most ${format(target.max)} of the first row; measured ${format(ratio)} (median of the ratios of runs in turn), ${verdict}`
}

function tableOf({ variants, runs, figures: names, counted }) {
  const headers = ['which', ...names.map((name) => figures[name]), ...(counted ? ['lost or disordered'] : [])]
  const rows = variants.map(({ title }, index) => {
    const cells = names.map((name) => cell(spread(runs[index].map((run) => run[name])), { unit: 1 }))
    const wrong = runs[index].reduce((sum, run) => sum + run.lost + run.disordered, 0)
    return [title, ...cells, ...(counted ? [String(wrong)] : [])]
  })
  return [headers, ...rows]
}

function write(results, machine, plan) {
  const parts = [
    `Measured on ${new Date().toISOString().slice(0, 10)}; every figure is the median of ${plan.runs} runs, with the least and the most of them behind it. All processes, the load generator among them, shared the cores: rates are the machine's, and CPU per message is what to plan with.`,
    markdownTable([['what', 'which'], ...Object.entries(machine)]),
  ]
  for (const result of results) {
    parts.push(`### ${result.title}`, result.about, markdownTable(tableOf(result)))
    if (result.verdict) parts.push(`Target: ${result.verdict}.`)
  }
  writeSection('scaling.md', 'cluster', `${parts.join('\n\n')}\n`)
}

/** Redis, and its version. */
function redisVersion() {
  const { stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  const [, version] = /v=(\S+)/.exec(stdout ?? '') ?? []
  if (version === undefined) throw new Error('There is no redis-server: install it first (Debian: redis-server)')
  return version
}

async function main() {
  const plan = readPlan()
  if (plan.help) {
    console.log(usage)
    return
  }
  const machine = { ...describeHost(), redis: redisVersion() }
  const results = []
  for (const scenario of scenarios.filter(({ name }) => plan.names.includes(name))) {
    const result = await runScenario(plan, scenario)
    results.push(result)
    console.log(`\n${result.title}: ${result.about}\n\n${markdownTable(tableOf(result))}`)
    if (result.verdict) console.log(`\n${result.verdict}`)
  }
  if (plan.writeDocs) write(results, machine, plan)
}

try {
  await main()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
