/** Durations and sizes as people write them. */

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SIZE_UNITS = { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim()) ?? []
  if (digits === undefined) return undefined
  const factor = unit === '' ? 1 : Object.hasOwn(units, unit) ? units[unit] : undefined
  return factor === undefined ? undefined : Math.round(Number(digits) * factor)
}

/** Milliseconds of `24h`, `30s`, `1.5m`, `250ms`, `7d` or plain milliseconds; undefined if it is none of them. */
export function parseDuration(text: string): number | undefined {
  return parse(text, DURATION_UNITS)
}

/** Bytes of `1MiB`, `64KiB`, `10MB` or plain bytes; undefined if it is none of them. */
export function parseSize(text: string): number | undefined {
  return parse(text, SIZE_UNITS)
}

/** The shortest exact way to write milliseconds, such as `24h`. */
export function formatDuration(milliseconds: number): string {
  return format(milliseconds, [['d', 'h', 'm', 's'], DURATION_UNITS], 'ms')
}

/** The shortest exact way to write bytes, such as `1MiB`. */
export function formatSize(bytes: number): string {
  return format(bytes, [['GiB', 'MiB', 'KiB'], SIZE_UNITS], 'B')
}

function format(value: number, [names, units]: [string[], Readonly<Record<string, number>>], smallest: string): string {
  if (value === 0) return '0'
  for (const name of names) {
    const count = value / (units[name] ?? 1)
    if (Number.isInteger(count) && !(name === 'd' && count === 1)) return `${count}${name}`
  }
  return `${value}${smallest}`
}

/** Uptime in words, such as `1d 2h 5m`; below a minute in seconds. */
export function formatUptime(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  if (minutes === 0) return `${Math.floor(seconds)}s`
  const parts: [number, string][] = [
    [Math.floor(minutes / 1440), 'd'],
    [Math.floor(minutes / 60) % 24, 'h'],
    [minutes % 60, 'm'],
  ]
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ')
}
