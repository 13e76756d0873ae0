/** From single runs to medians, ratios and verdicts. */
import { servers } from './servers.js'

/** Shares of a core: the load generator had no more to give, and the server had. */
const BUSY = 0.9
const NOT_BUSY = 0.8

/** What is added up over all runs, and what is told of them besides the scenario's own figures. */
const COUNTS = ['lost', 'disordered', 'closed']
const SHARES = ['serverShare', 'kernelShare', 'workerShare', 'othersShare']

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0)
}

/** A generator that keeps its own beat is always busy: its lateness says whether it was the limit. */
function saturated({ lateness, serverShare, workerShare }) {
  return lateness === undefined && workerShare > BUSY && serverShare < NOT_BUSY
}

function summariseServer(scenario, { name, server, runs, failures, leftOut }) {
  const common = { name, title: server.title, leftOut, failures }
  if (leftOut) return common
  const [first] = runs
  const seen = (names, combine) =>
    Object.fromEntries(
      names
        .filter((figure) => first[figure] !== undefined)
        .map((figure) => [figure, combine(runs.map((run) => run[figure]))]),
    )
  return {
    ...common,
    figures: seen(scenario.figures, spread),
    ...seen(COUNTS, sum),
    ...seen(SHARES, spread),
    saturated: runs.filter(saturated).length,
    runs,
  }
}

/** The medians of all servers in a scenario, and their ratios to the reference: plain `ws`, or who else is there. */
export function summarise(scenario, records) {
  const rows = records.map((record) => summariseServer(scenario, record))
  const present = rows.filter(({ leftOut }) => !leftOut)
  const reference = present.find(({ name }) => name === 'plain') ?? present.find(({ name }) => name !== 'baton')
  const { compare } = scenario
  for (const row of present) {
    if (reference) row.ratio = row.figures[compare].median / reference.figures[compare].median
  }
  const { name, title, about, figures, targets } = scenario
  return { name, title, about, figures, compare, targets, reference: reference?.title, servers: rows }
}

/** Holds Baton to its targets, as far as those it is compared with were there. */
export function judge(scenarios) {
  return scenarios.flatMap(({ name, title, servers: rows, targets }) => {
    const find = (wanted) => rows.find((row) => row.name === wanted && !row.leftOut)
    const baton = find('baton')
    if (!baton) return []
    const verdicts = targets.flatMap((target) => {
      const other = target.of === undefined ? undefined : find(target.of)
      if (target.of !== undefined && !other) return []
      const value = baton.figures[target.figure].median / (other?.figures[target.figure].median ?? 1)
      const met = target.max === undefined ? value >= target.min : value <= target.max
      return [{ name, title, ...target, of: target.of && servers[target.of].title, value, met }]
    })
    if (baton.lost === undefined) return verdicts
    const wrong = baton.lost + baton.disordered
    return [...verdicts, { name, title, figure: 'wrong', max: 0, value: wrong, met: wrong === 0 }]
  })
}
