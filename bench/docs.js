/** Puts the results of a whole run into docs/performance.md, between its markers; the rest is written by hand. */
import { markdownTable, writeImage, writeSection } from './page.js'
import { barChart } from './plots.js'
import { describeTarget, format, tableOf } from './report.js'

/** What is drawn. */
const CHARTS = [
  ['big-room', 'cpu'],
  ['small-rooms', 'cpu'],
  ['typing', 'p99'],
  ['paste', 'megabytes'],
  ['idle', 'memory'],
  ['storm', 'cpuAccept'],
]

export function writeDocs(results) {
  writeSection('performance.md', 'bench', section(results, drawCharts(results)))
}

/** Writes the images. Returns the file of each scenario that has one. */
function drawCharts({ scenarios }) {
  const files = new Map()
  for (const [name, figure] of CHARTS) {
    const scenario = scenarios.find((candidate) => candidate.name === name)
    if (!scenario) continue
    const file = `bench-${name}.svg`
    writeImage(file, barChart(scenario, figure))
    files.set(name, file)
  }
  return files
}

function section({ date, machine, runs, scenarios, targets }, charts) {
  const parts = [
    `Measured on ${date.slice(0, 10)}; every figure is the median of ${runs} runs, with the least and the most of them behind it.`,
    markdownTable([['what', 'which'], ...Object.entries(machine)]),
    '### Targets',
    markdownTable([
      ['scenario', 'target', 'measured', 'verdict'],
      ...targets.map((target) => [
        target.title,
        describeTarget(target),
        format(target.value),
        target.met ? 'met' : '**missed**',
      ]),
    ]),
  ]
  for (const scenario of scenarios) {
    parts.push(`### ${scenario.title}`, scenario.about)
    const file = charts.get(scenario.name)
    if (file) parts.push(`![${scenario.title}](images/${file})`)
    parts.push(markdownTable(tableOf(scenario)))
  }
  return `${parts.join('\n\n')}\n`
}
