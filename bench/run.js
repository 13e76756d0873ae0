/** `npm run bench`: measures each server in each scenario, in turn, and reports. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createCertificate } from './certificate.js'
import { writeDocs } from './docs.js'
import { describeMachine } from './machine.js'
import { readPlan, usage } from './plan.js'
import { startServer, work } from './processes.js'
import { renderScenario, renderTargets } from './report.js'
import { servers } from './servers.js'
import { judge, summarise } from './summary.js'

/** Joins what the parts of a scenario saw. Only the slow member's has two: without, and with. */
function join([first, second]) {
  if (!second) return first
  return {
    ...second,
    p99Before: first.p99,
    p99Ratio: second.p99 / first.p99,
    growthBefore: first.growth,
    lost: first.lost + second.lost,
    disordered: first.disordered + second.disordered,
  }
}

/** Why a server does not take part. */
async function absence(server, scenario) {
  return server.missing?.() ?? (scenario.needs ? await server.lacks?.(scenario.needs) : undefined)
}

async function measure(plan, scenario, server) {
  const env = scenario.needs === 'tls' ? { ENABLE_TLS: 'true', ...server.tls(await certificate()) } : {}
  const seen = []
  for (const part of scenario.parts) {
    const running = await startServer(server, env)
    const { port, pid } = running
    const { warmup, duration, pause, timeout } = plan
    try {
      seen.push(await work({ dialect: server.dialects[0], warmup, duration, pause, ...part, port, pid }, timeout))
    } catch (error) {
      throw new Error([error.message, running.complaint()].filter(Boolean).join('; the server says: '))
    } finally {
      await running.stop()
    }
  }
  return join(seen)
}

let certificateMade
function certificate() {
  certificateMade ??= createCertificate()
  return certificateMade
}

/** Runs a scenario: every server once, then every server again. */
async function runScenario(plan, scenario) {
  const records = scenario.servers.map((name) => ({
    name,
    server: servers[name],
    runs: [],
    failures: [],
    leftOut: undefined,
  }))
  for (const record of records) record.leftOut = await absence(record.server, scenario)
  for (let run = 1; run <= plan.runs; run++) {
    for (const record of records) {
      if (record.leftOut) continue
      console.error(`${scenario.title}: ${record.server.title}, run ${run} of ${plan.runs}`)
      try {
        record.runs.push(await measure(plan, scenario, record.server))
      } catch (error) {
        record.failures.push(`run ${run}: ${error.message}`)
        if (record.runs.length === 0) record.leftOut = error.message
      }
    }
  }
  return summarise(scenario, records)
}

async function main() {
  const plan = readPlan(process.argv.slice(2))
  if (plan.help) {
    console.log(usage)
    return
  }
  const results = {
    date: new Date().toISOString(),
    machine: describeMachine(),
    quick: plan.quick,
    runs: plan.runs,
    scenarios: [],
  }
  for (const scenario of plan.scenarios) {
    const summary = await runScenario(plan, scenario)
    results.scenarios.push(summary)
    console.log(renderScenario(summary))
  }
  results.targets = judge(results.scenarios)
  console.log(renderTargets(results.targets))
  save(results)
  if (plan.writeDocs) writeDocs(results)
}

function save(results) {
  const folder = new URL('results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  const name = `${results.date.replaceAll(':', '-').slice(0, 19)}.json`
  writeFileSync(new URL(name, folder), `${JSON.stringify(results, null, 2)}\n`)
  console.log(`Saved as bench/results/${name}`)
}

try {
  await main()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
