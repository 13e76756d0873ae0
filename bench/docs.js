/** Puts the results of a whole run into docs/performance.md, between its markers; the rest is written by hand. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { barChart } from './plots.js'
import { describeTarget, format, tableOf } from './report.js'

const PAGE = new URL('../docs/performance.md', import.meta.url)
const IMAGES = new URL('../docs/images/', import.meta.url)
const BEGIN = '<!-- bench:begin -->'
const END = '<!-- bench:end -->'

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
  const page = readFileSync(PAGE, 'utf8')
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (before < 0 || after < before) throw new Error(`docs/performance.md has lost its markers ${BEGIN} and ${END}`)
  const charts = drawCharts(results)
  const text = `${BEGIN}\n\n${section(results, charts)}\n${END}`
  writeFileSync(PAGE, page.slice(0, before) + text + page.slice(after + END.length))
  console.log('Wrote docs/performance.md')
}

/** Writes the images. Returns the file of each scenario that has one. */
function drawCharts({ scenarios }) {
  mkdirSync(IMAGES, { recursive: true })
  const files = new Map()
  for (const [name, figure] of CHARTS) {
    const scenario = scenarios.find((candidate) => candidate.name === name)
    if (!scenario) continue
    const file = `bench-${name}.svg`
    writeFileSync(new URL(file, IMAGES), barChart(scenario, figure))
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

/** A table with its columns in line, as the formatter has it. */
function markdownTable(table) {
  const cells = table.map((row) => row.map((text) => text.replaceAll('|', '\\|')))
  const widths = cells[0].map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)))
  const line = (row) => `| ${row.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`
  const [headers, ...rows] = cells
  return [line(headers), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
