/** The results as a table, for a terminal and for a page. */
import { figures } from './scenarios.js'

/** Three digits that count. */
export function format(value) {
  if (!Number.isFinite(value)) return 'none'
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 2) })
}

export function cell({ median, min, max }, { unit }) {
  if (min === max) return format(median / unit)
  return `${format(median / unit)} (${format(min / unit)} to ${format(max / unit)})`
}

/** Share of a core from which on other programs are worth a word. */
const DISTURBING = 0.2

/** What a reader has to know before trusting a row. */
function notes({ leftOut, failures, saturated, closed, othersShare, runs }) {
  if (leftOut) return `left out: ${leftOut}`
  return [
    saturated > 0 && `the load generator was saturated first in ${saturated} of ${runs.length} runs`,
    othersShare?.median > DISTURBING && `other programs used ${percent(othersShare)} % of a core`,
    closed > 0 && `${closed} connections were closed`,
    ...failures,
  ]
    .filter(Boolean)
    .join('; ')
}

/** Headers and rows of a scenario, all text. */
export function tableOf(scenario) {
  const { compare, reference, servers } = scenario
  const counted = servers.some((row) => row.lost !== undefined)
  const shared = servers.some((row) => row.serverShare !== undefined)
  const headers = ['server']
  for (const name of scenario.figures) {
    headers.push(figures[name].title)
    if (name === compare && reference) headers.push(`of ${reference}`)
  }
  if (counted) headers.push('lost', 'disordered')
  if (shared) headers.push('server CPU %', 'of it kernel %', 'generator CPU %')
  headers.push('notes')
  const rows = servers.map((row) => {
    if (row.leftOut) return [row.title, ...Array(headers.length - 2).fill(''), notes(row)]
    const cells = [row.title]
    for (const name of scenario.figures) {
      cells.push(cell(row.figures[name], figures[name]))
      if (name === compare && reference) cells.push(format(row.ratio))
    }
    if (counted) cells.push(String(row.lost), String(row.disordered))
    if (shared) cells.push(...[row.serverShare, row.kernelShare, row.workerShare].map(percent))
    return [...cells, notes(row)]
  })
  return [headers, ...rows]
}

function percent({ median }) {
  return String(Math.round(median * 100))
}

export function renderScenario(scenario) {
  const table = tableOf(scenario)
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)))
  const lines = table.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  )
  return `\n${scenario.title}: ${scenario.about}\n\n${lines.join('\n')}\n`
}

export function describeTarget({ figure, of, max, min }) {
  if (figure === 'wrong') return 'lost or disordered: none'
  const bound = max === undefined ? `at least ${format(min)}` : `at most ${format(max)}`
  return `${figures[figure].title}: ${bound}${of ? ` of ${of}` : ''}`
}

export function renderTargets(targets) {
  const lines = targets.map((target) => {
    const verdict = target.met ? 'met   ' : 'MISSED'
    return `${verdict}  ${target.title}, ${describeTarget(target)}; measured ${format(target.value)}`
  })
  return lines.length > 0 ? `Targets of Baton\n\n${lines.join('\n')}\n` : ''
}
