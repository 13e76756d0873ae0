/** Bar charts as SVG: one bar for each server, with the range of its runs. */
import { format } from './report.js'
import { figures } from './scenarios.js'

const WIDTH = 640
const LEFT = 130
const RIGHT = 90
const TOP = 44
const STEP = 30
const BAR = 18

const COLOURS = { baton: '#2563eb', others: '#94a3b8', range: '#334155' }

const escapeXml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** A chart of one figure of one scenario. */
export function barChart({ title, servers }, figure) {
  const { title: unit, unit: divisor } = figures[figure]
  const rows = servers.filter(({ leftOut }) => !leftOut)
  const most = Math.max(...rows.map((row) => row.figures[figure].max))
  const x = (value) => LEFT + (value / most) * (WIDTH - LEFT - RIGHT)
  const height = TOP + rows.length * STEP + 12
  const bars = rows.map((row, index) => {
    const { median, min, max } = row.figures[figure]
    const y = TOP + index * STEP
    const middle = y + BAR / 2
    const fill = row.name === 'baton' ? COLOURS.baton : COLOURS.others
    return [
      `<text x="${LEFT - 10}" y="${middle + 4}" text-anchor="end">${escapeXml(row.title)}</text>`,
      `<rect x="${LEFT}" y="${y}" width="${Math.max(1, x(median) - LEFT).toFixed(1)}" height="${BAR}" rx="2" fill="${fill}"/>`,
      `<path d="M${x(min).toFixed(1)} ${middle}H${x(max).toFixed(1)}" stroke="${COLOURS.range}"/>`,
      `<text x="${(x(max) + 8).toFixed(1)}" y="${middle + 4}">${format(median / divisor)}</text>`,
    ].join('\n')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="#0f172a">
<title>${escapeXml(title)}: ${escapeXml(unit)}</title>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#f8fafc"/>
<text x="16" y="26" font-size="15" font-weight="600">${escapeXml(title)}: ${escapeXml(unit)}</text>
${bars.join('\n')}
</svg>
`
}
