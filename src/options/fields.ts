import { z } from 'zod'
import { parseNetworks } from '../ip/networks.js'
import { parseDuration, parseSize } from './units.js'

/** What describes an option besides its type. */
export interface Meta {
  /** Effect, and cost if that helps. Plain text, with backticks around names; options have the names of variables. */
  description: string
  /** What a value looks like, for the help. */
  value: 'number' | 'duration' | 'size' | 'text' | 'list' | 'boolean' | 'level' | 'file' | 'folder'
  /** Never shown. */
  secret?: boolean
  /** The environment variable, where it is not the option's name in capitals. */
  env?: string
}

/** What is wrong with one option. */
export interface OptionProblem {
  /** Its name in the library. */
  readonly option: string
  /** Names others of the library's options as `{option}`. */
  readonly problem: string
}

const WHOLE = /^\d+$/

export function count(max?: number): z.ZodType<number, number | string> {
  const error = max === undefined ? 'must be a whole number, 0 or more' : `must be a whole number from 0 to ${max}`
  return quantity((text) => (WHOLE.test(text.trim()) ? Number(text) : undefined), error, 0, max)
}

function quantity(
  parse: (text: string) => number | undefined,
  error: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): z.ZodType<number, number | string> {
  return z.union([z.number(), z.string()], { error }).transform((value, context) => {
    const number = typeof value === 'number' ? value : parse(value)
    if (number !== undefined && Number.isInteger(number) && number >= min && number <= max) return number
    context.addIssue({ code: 'custom', message: error })
    return z.NEVER
  })
}

export function duration(min = 0): z.ZodType<number, number | string> {
  const bound = min === 0 ? '' : `, at least ${min}`
  return quantity(parseDuration, `must be a duration such as 24h, 30s or 500 (milliseconds)${bound}`, min)
}

export function size(max?: number): z.ZodType<number, number | string> {
  const bound = max === undefined ? '' : `, at most ${max}`
  return quantity(parseSize, `must be a size such as 1MiB, 64KiB or 1000 (bytes)${bound}`, 0, max)
}

export function text(what: string): z.ZodString {
  return z.string({ error: `must be ${what}` })
}

/** Shorter secrets can be guessed. */
export const MIN_SECRET = 16

/** A secret text; empty for none. */
export function secret(min = MIN_SECRET): z.ZodString {
  return text('a text').refine((value) => value === '' || value.length >= min, {
    error: `must have at least ${min} characters`,
  })
}

export const flag = z.union([z.boolean(), z.stringbool()], { error: 'must be true or false' })

export function oneOf<const T extends readonly [string, ...string[]]>(values: T): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` })
}

/**
 * Several texts, or one with commas between them.
 *
 * @param normalize Returns undefined for a wrong entry.
 */
export function list(
  normalize: (entry: string) => string | undefined,
  error: string,
): z.ZodType<string[], string | string[]> {
  return z.union([z.string(), z.array(z.string())], { error }).transform((value, context) => {
    const entries = (typeof value === 'string' ? value.split(',') : value).map((entry) => entry.trim())
    const normal = entries.filter((entry) => entry !== '').map(normalize)
    if (normal.every((entry) => entry !== undefined)) return normal
    context.addIssue({ code: 'custom', message: error })
    return z.NEVER
  })
}

const NETWORK_FORM = 'an address, a network such as 10.0.0.0/8, or loopback, linklocal or uniquelocal'

/** Addresses and networks, as a list or separated by commas. */
export function networks(error = `must be a list, each item ${NETWORK_FORM}`): z.ZodType<string[], string | string[]> {
  return list((item) => (parseNetworks(item) === undefined ? undefined : item), error)
}

/** Proxies: their number, or their networks. */
export function proxies(): z.ZodType<number | string[], number | string | string[]> {
  const error = `must be a number of proxies, or a list, each item ${NETWORK_FORM}`
  const hops = z
    .union([z.number(), z.string().regex(WHOLE).transform(Number)])
    .pipe(z.int({ error }).min(0, { error }).max(100, { error }))
  return z.union([hops, networks(error)], { error })
}

/** Keeps the options' order and types, and adds the description of each. */
export function described<T extends z.ZodType>(schema: T, meta: Meta): T {
  return schema.meta({ ...meta })
}
