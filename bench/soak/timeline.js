/** Line charts over time as SVG, one above the other on one axis. */

const WIDTH = 720
const LEFT = 70
const RIGHT = 20
const TOP = 40
const PANEL = 130
const GAP = 42

const COLOURS = ['#2563eb', '#d97706', '#94a3b8']

const escapeXml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** A round number at or above what was seen. */
function ceiling(value) {
  if (value <= 0) return 1
  const magnitude = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * magnitude).find((step) => step >= value)
}

/**
 * @param title Above all.
 * @param seconds The length of the axis.
 * @param panels Each `{ title, lines: [{ title, points: [seconds, value][], marks? }] }`; marks are dots.
 */
export function timeline(title, seconds, panels) {
  const height = TOP + panels.length * (PANEL + GAP)
  const x = (time) => LEFT + (time / seconds) * (WIDTH - LEFT - RIGHT)
  const drawn = panels.map((panel, index) => drawPanel(panel, x, TOP + 24 + index * (PANEL + GAP), seconds))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#0f172a">
<title>${escapeXml(title)}</title>
<rect width="${WIDTH}" height="${height}" rx="6" fill="#f8fafc"/>
<text x="16" y="26" font-size="15" font-weight="600">${escapeXml(title)}</text>
${drawn.join('\n')}
</svg>
`
}

function drawPanel({ title, lines }, x, top, seconds) {
  const most = ceiling(Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value))))
  const bottom = top + PANEL
  const y = (value) => bottom - (value / most) * (PANEL - 16)
  const grid = [0, most / 2, most].map(
    (value) =>
      `<path d="M${LEFT} ${y(value)}H${WIDTH - RIGHT}" stroke="#e2e8f0"/>` +
      `<text x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${value}</text>`,
  )
  const ends = [
    [0, 'start'],
    [seconds, 'end'],
  ].map(([time, anchor]) => {
    const label = `${Math.round(time / 6) / 10} min`
    return `<text x="${x(time)}" y="${bottom + 16}" text-anchor="${anchor}" fill="#475569">${label}</text>`
  })
  let legend = LEFT
  const drawn = lines.map(({ title: name, points, marks }, index) => {
    const colour = COLOURS[index]
    const places = points.map(([time, value]) => [x(time).toFixed(1), y(value).toFixed(1)])
    const at = legend
    legend += 14 * 2 + name.length * 7
    return [
      `<path d="M${at} ${top - 4}h12" stroke="${colour}" stroke-width="3"/><text x="${at + 16}" y="${top}">${escapeXml(name)}</text>`,
      ...(marks
        ? places.map(([px, py]) => `<circle cx="${px}" cy="${py}" r="3.5" fill="${colour}"/>`)
        : [`<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`]),
    ].join('\n')
  })
  const heading = `<text x="${WIDTH - RIGHT}" y="${top}" text-anchor="end" fill="#475569">${escapeXml(title)}</text>`
  return [heading, ...grid, ...ends, ...drawn].join('\n')
}
