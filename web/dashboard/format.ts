const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** What is not known yet. */
const UNKNOWN = '–'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

export type Format = (value: number | null | undefined) => string

function known(format: (value: number) => string): Format {
  return (value) => (value === null || value === undefined ? UNKNOWN : format(value))
}

export const count = known((value) => (value < 100_000 ? number.format(value) : compact.format(value)))

export const bytes = known((value) => {
  let [left, unit] = [value, 0]
  for (; left >= 1000 && unit < UNITS.length - 1; unit++) left /= 1000
  return `${left < 10 && unit > 0 ? left.toFixed(1) : Math.round(left)} ${UNITS[unit]}`
})

export const rate = known((value) => `${count(value)}/s`)

export const byteRate = known((value) => `${bytes(value)}/s`)

export const milliseconds = known((value) => `${number.format(value)} ms`)

/** Seconds in the two largest units. */
export const duration = known((value) => {
  const parts: [number, string][] = [
    [Math.floor(value / 86_400), 'd'],
    [Math.floor(value / 3600) % 24, 'h'],
    [Math.floor(value / 60) % 60, 'm'],
    [Math.floor(value) % 60, 's'],
  ]
  const first = parts.findIndex(([amount]) => amount > 0)
  if (first < 0) return '0s'
  return parts
    .slice(first, first + 2)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(' ')
})
