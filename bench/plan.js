/** Which scenarios, which servers, how often and how long. */
import { parseArgs } from 'node:util'
import { scenarios } from './scenarios.js'
import { servers } from './servers.js'

export const usage = `npm run bench -- [options]

  --runs N          runs of each server in each scenario, in turn (default 5)
  --quick           two minutes: fewer servers, fewer and shorter runs
  --only a,b        these scenarios: ${scenarios.map(({ name }) => name).join(', ')}
  --servers a,b     these servers: ${Object.keys(servers).join(', ')}
  --write-docs      put the results into docs/performance.md; only for a whole run
  --help
`

/** In milliseconds: the time to get warm, to measure, and for memory to settle; and the longest a run may take. */
const FULL = { runs: 5, warmup: 1000, duration: 3000, pause: 600, timeout: 60_000 }
const QUICK = { runs: 2, warmup: 500, duration: 1000, pause: 200, timeout: 15_000 }
const QUICK_SERVERS = ['baton', 'plain', 'y-webrtc']

function choose(list, all, what) {
  if (list === undefined) return all
  const names = list.split(',')
  const unknown = names.filter((name) => !all.includes(name))
  if (unknown.length > 0) throw new Error(`There is no ${what} ${unknown.join(', ')}. There are: ${all.join(', ')}`)
  return names
}

/** @throws {Error} If an argument is wrong. */
export function readPlan(args) {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      servers: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const pace = values.quick ? QUICK : FULL
  const runs = values.runs === undefined ? pace.runs : Number(values.runs)
  if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number, 1 or more')
  const writeDocs = values['write-docs']
  if (writeDocs && (values.quick || values.only || values.servers || runs < FULL.runs)) {
    throw new Error(`--write-docs needs a whole run: no --quick, --only or --servers, and at least ${FULL.runs} runs`)
  }
  const names = choose(
    values.only,
    scenarios.map(({ name }) => name),
    'scenario',
  )
  const wanted = choose(values.servers, Object.keys(servers), 'server')
  return {
    ...pace,
    runs,
    writeDocs,
    quick: values.quick,
    help: values.help,
    scenarios: scenarios
      .filter(({ name }) => names.includes(name))
      .map((scenario) => ({
        ...scenario,
        servers: scenario.servers.filter(
          (name) => wanted.includes(name) && (!values.quick || values.servers || QUICK_SERVERS.includes(name)),
        ),
      }))
      .filter((scenario) => scenario.servers.length > 0),
  }
}
