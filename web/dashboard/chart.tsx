import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import type { Series } from '../../src/admin/updates.js'
import { now, samples } from './feed.js'
import type { Format } from './format.js'

const HEIGHT = 150

/** The least that the time axis spans, in seconds. */
const SPAN = 300

const dark = matchMedia('(prefers-color-scheme: dark)')
const theme = signal(dark.matches)
dark.addEventListener('change', () => {
  theme.value = dark.matches
})

/** A figure over the last hour, drawn, and said in words. */
export function Chart({
  title,
  lines,
  format,
}: {
  title: string
  lines: readonly { name: Series; label: string }[]
  format: Format
}) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const data = samples.value
  const isDark = theme.value

  useEffect(() => {
    const element = place.current
    if (!element) return undefined
    const made = new uPlot(options(lines, format, isDark, element.clientWidth), dataOf(lines), element)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [isDark])

  useEffect(() => plot.current?.setData(dataOf(lines)), [data])

  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        {lines.map(({ name, label }, place) => {
          const values = data[name].filter((value) => value !== null)
          return (
            <p key={name}>
              <span class={`key key-${place}`} aria-hidden="true" />
              {label} <strong>{format(now.value?.[name] ?? data[name].at(-1))}</strong>{' '}
              {values.length > 0 && (
                <small>
                  lowest {format(Math.min(...values))}, highest {format(Math.max(...values))}
                </small>
              )}
            </p>
          )
        })}
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  )
}

function dataOf(lines: readonly { name: Series }[]): uPlot.AlignedData {
  const { value } = samples
  return [value.time.map((time) => time / 1000), ...lines.map(({ name }) => [...value[name]])]
}

function options(lines: readonly { label: string }[], format: Format, isDark: boolean, width: number): uPlot.Options {
  const colors = isDark ? ['#6cb2ff', '#ffb454'] : ['#0b62c4', '#b45309']
  const axis = { stroke: isDark ? '#a9b4c0' : '#56616d', grid: { stroke: isDark ? '#2c343d' : '#e3e7eb', width: 1 } }
  return {
    width,
    height: HEIGHT,
    cursor: { y: false, drag: { setScale: false } },
    scales: {
      x: { range: (_plot, min, max) => [Math.min(min, max - SPAN), max] },
      y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, size: 28, values: (_plot, times) => times.map(timeOfDay) },
      { ...axis, size: 64, space: 36, values: (_plot, values) => values.map((value) => format(value)) },
    ],
    series: [
      { label: 'Time', value: (_plot, time) => (time === null ? '' : timeOfDay(time)) },
      ...lines.map(({ label }, place) => ({
        label,
        stroke: colors[place] ?? '#888',
        width: 1.5,
        points: { show: false },
        value: (_plot: uPlot, value: number | null) => (value === null ? '' : format(value)),
      })),
    ],
  }
}

const time = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

function timeOfDay(seconds: number): string {
  return time.format(seconds * 1000)
}
