import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, formatSize, formatUptime, parseDuration, parseSize } from '../../src/options/units.js'

describe('durations', () => {
  it.each([
    ['24h', 86_400_000],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['250ms', 250],
    ['7d', 604_800_000],
    ['1000', 1000],
    [' 5 s ', 5000],
  ])('%s is %i ms', (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds))

  it.each(['', 'soon', '1 fortnight', '-5s', '5S', '1e3', 's', '1h30m', 'toString'])('%s is none', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  )

  it('are written so that they can be read again', () => {
    fc.assert(fc.property(fc.nat(), (ms) => parseDuration(formatDuration(ms)) === ms))
    expect(formatDuration(86_400_000)).toBe('24h')
    expect(formatDuration(172_800_000)).toBe('2d')
    expect(formatDuration(1500)).toBe('1500ms')
  })
})

describe('sizes', () => {
  it.each([
    ['1MiB', 1_048_576],
    ['64KiB', 65_536],
    ['10MB', 10_000_000],
    ['2kB', 2000],
    ['5B', 5],
    ['12', 12],
  ])('%s is %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  it('are written so that they can be read again', () => {
    fc.assert(fc.property(fc.nat(), (bytes) => parseSize(formatSize(bytes)) === bytes))
    expect(formatSize(8 * 1024 * 1024)).toBe('8MiB')
  })
})

describe('uptime', () => {
  it.each([
    [0, '0s'],
    [59, '59s'],
    [60, '1m'],
    [3600, '1h'],
    [3661, '1h 1m'],
    [93_900, '1d 2h 5m'],
    [86_400, '1d'],
  ])('of %i seconds is %s', (seconds, text) => expect(formatUptime(seconds)).toBe(text))
})
