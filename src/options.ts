/**
 * The one schema of all options. From it come the library's options, the environment variables, the
 * command's flags and its help, the types, and `docs/configuration.md`.
 */

import { z } from 'zod'
import { dialectNames } from './dialects/dialect.js'
import { parseDuration, parseSize } from './units.js'

/** What is known of an option besides its type. */
interface Meta {
  /** Environment variable; the flag is made from the option's name. */
  env: string
  group: (typeof groups)[number]
  /** Effect, and where it helps the cost. Plain text; backticks around names. */
  description: string
  /** What a value looks like, for the help. */
  value: 'number' | 'duration' | 'size' | 'text' | 'list' | 'boolean' | 'level' | 'file'
  /** Never shown. */
  secret?: boolean
}

const PORT = 3000
const TLS_PORT = 443

/** `ws` takes the limit as a 32-bit integer. */
const MAX_PAYLOAD = 2 ** 31 - 1

/** In the order of the help. */
export const groups = ['Server', 'TLS', 'Limits', 'Time', 'Log'] as const

const WHOLE = /^\d+$/

function count(max?: number): z.ZodType<number, number | string> {
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

function duration(min = 0): z.ZodType<number, number | string> {
  const bound = min === 0 ? '' : `, at least ${min}`
  return quantity(parseDuration, `must be a duration such as 24h, 30s or 500 (milliseconds)${bound}`, min)
}

function size(max?: number): z.ZodType<number, number | string> {
  const bound = max === undefined ? '' : `, at most ${max}`
  return quantity(parseSize, `must be a size such as 1MiB, 64KiB or 1000 (bytes)${bound}`, 0, max)
}

function text(what: string): z.ZodString {
  return z.string({ error: `must be ${what}` })
}

const flag = z.union([z.boolean(), z.stringbool()], { error: 'must be true or false' })

function oneOf<const T extends readonly [string, ...string[]]>(values: T): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` })
}

const dialectsError = `must name one or more of ${dialectNames.join(', ')}`
const dialectList = z.array(z.enum(dialectNames)).min(1, { error: dialectsError })
const dialects = z.union(
  [
    dialectList,
    z
      .string()
      .transform((text) => text.split(',').map((name) => name.trim()))
      .pipe(dialectList),
  ],
  { error: dialectsError },
)

/** Keeps the options' order and types, and adds what is known of each. */
function described<T extends z.ZodType>(schema: T, meta: Meta): T {
  return schema.meta({ ...meta })
}

const shape = {
  port: described(count(65_535).optional(), {
    env: 'PORT',
    group: 'Server',
    value: 'number',
    description: `TCP port to listen on; 0 lets the system choose one. ${PORT} if left out, ${TLS_PORT} with TLS.`,
  }),
  host: described(text('an address').default(''), {
    env: 'HOST',
    group: 'Server',
    value: 'text',
    description: 'Address to listen on; empty means all, IPv4 and IPv6.',
  }),
  dialects: described(dialects.default([...dialectNames]), {
    env: 'DIALECTS',
    group: 'Server',
    value: 'list',
    description: 'Which wire protocols to serve, separated by commas.',
  }),
  enableTls: described(flag.default(false), {
    env: 'ENABLE_TLS',
    group: 'TLS',
    value: 'boolean',
    description: 'Speak TLS (wss and https), with the certificate of `TLS_CERT`.',
  }),
  tlsCert: described(text('a path').default(''), {
    env: 'TLS_CERT',
    group: 'TLS',
    value: 'file',
    description:
      'File of the certificate and its chain, in PEM. It is read again when it changes, without closing a connection.',
  }),
  tlsKey: described(text('a path').default(''), {
    env: 'TLS_KEY',
    group: 'TLS',
    value: 'file',
    description: "File of the certificate's private key, in PEM.",
  }),
  maxConnections: described(count().default(20_000), {
    env: 'MAX_CONNECTIONS',
    group: 'Limits',
    value: 'number',
    description:
      'WebSockets open at once; beyond it the upgrade is answered with HTTP 503. Each idle one costs about 6 kB.',
  }),
  maxRooms: described(count().default(100_000), {
    env: 'MAX_ROOMS',
    group: 'Limits',
    value: 'number',
    description: 'Rooms open at once, over all dialects; who would open one more is closed with 1013.',
  }),
  maxRoomMembers: described(count().default(1000), {
    env: 'MAX_ROOM_MEMBERS',
    group: 'Limits',
    value: 'number',
    description: 'Members of one room; who would be one more is closed with 1013.',
  }),
  maxTopics: described(count().default(100), {
    env: 'MAX_TOPICS',
    group: 'Limits',
    value: 'number',
    description: 'Topics of one `y-webrtc` connection, and topics named in one of its messages.',
  }),
  maxMessageBytes: described(size(MAX_PAYLOAD).default(2 ** 20), {
    env: 'MAX_MESSAGE_BYTES',
    group: 'Limits',
    value: 'size',
    description:
      'Size of one message, all its fragments together; a larger one is not read and its sender closed with 1009.',
  }),
  rateLimit: described(count().default(100), {
    env: 'RATE_LIMIT',
    group: 'Limits',
    value: 'number',
    description:
      'Messages that an `impossible-writer` connection may send in each `RATE_LIMIT_WINDOW`; more are refused.',
  }),
  rateLimitWindow: described(duration(1).default(1000), {
    env: 'RATE_LIMIT_WINDOW',
    group: 'Limits',
    value: 'duration',
    description: 'The window of `RATE_LIMIT`. It starts with the first message after the last one ended.',
  }),
  throttle: described(count().default(1000), {
    env: 'THROTTLE',
    group: 'Limits',
    value: 'number',
    description:
      'Messages a second that a connection of the other dialects may send; beyond it its socket is read more slowly, and nothing is lost.',
  }),
  byteRate: described(size().default(0), {
    env: 'BYTE_RATE',
    group: 'Limits',
    value: 'size',
    description: 'Bytes a second that any connection may send; beyond it its socket is read more slowly.',
  }),
  maxBufferedBytes: described(size().default(8 * 2 ** 20), {
    env: 'MAX_BUFFERED_BYTES',
    group: 'Limits',
    value: 'size',
    description:
      'Bytes that may wait for one connection that reads slowly; beyond it the connection is closed with 1013.',
  }),
  maxTotalBufferedBytes: described(size().default(256 * 2 ** 20), {
    env: 'MAX_TOTAL_BUFFERED_BYTES',
    group: 'Limits',
    value: 'size',
    description:
      'Bytes that may wait for all connections together; beyond it the one with the largest backlog is cut off, until the rest fits.',
  }),
  joinTimeout: described(duration().default(10_000), {
    env: 'JOIN_TIMEOUT',
    group: 'Time',
    value: 'duration',
    description: 'How long a client may take to finish the handshake, and then to join a room.',
  }),
  heartbeatInterval: described(duration().default(30_000), {
    env: 'HEARTBEAT_INTERVAL',
    group: 'Time',
    value: 'duration',
    description: 'Time between pings; a connection from which nothing came until the next one is dropped.',
  }),
  roomExpiry: described(duration().default(24 * 3_600_000), {
    env: 'ROOM_EXPIRY',
    group: 'Time',
    value: 'duration',
    description: 'Age at which an `impossible-writer` room expires, counted from its creation.',
  }),
  cleanupInterval: described(duration().default(3_600_000), {
    env: 'CLEANUP_INTERVAL',
    group: 'Time',
    value: 'duration',
    description: 'Accepted for compatibility, without effect: rooms expire on time.',
  }),
  drain: described(duration().default(5000), {
    env: 'DRAIN',
    group: 'Time',
    value: 'duration',
    description:
      'Period over which connections are closed when the relay stops, a small group at a time, so that clients do not come back all at once.',
  }),
  logLevel: described(oneOf(['debug', 'info', 'warn', 'error', 'silent']).default('info'), {
    env: 'LOG_LEVEL',
    group: 'Log',
    value: 'level',
    description: 'What to log: `debug`, `info`, `warn`, `error` or `silent`.',
  }),
  environment: described(text('a text').default('development'), {
    env: 'NODE_ENV',
    group: 'Log',
    value: 'text',
    description: '`production` or `prod` logs JSON, anything else readable lines.',
  }),
  logRoomNames: described(flag.default(false), {
    env: 'LOG_ROOM_NAMES',
    group: 'Log',
    value: 'boolean',
    description: 'Log the names of rooms instead of hashes. The names are the secrets that let people in.',
  }),
  logKey: described(text('a text').default(''), {
    env: 'LOG_KEY',
    group: 'Log',
    value: 'text',
    secret: true,
    description:
      'Key of the hashes that stand for room names in the log. Give all nodes the same one to compare their logs; by default each start makes its own.',
  }),
}

const schema = z.strictObject(shape)

/** The options of the library, all optional. */
export type Options = z.input<typeof schema>

/** The options in force, checked and with their defaults. */
export type Settings = z.output<typeof schema> & { port: number }

/** The name of an option, as the library has it. */
export type OptionName = keyof Settings

/** An option as the command and the docs see it. */
export interface OptionInfo extends Meta {
  name: OptionName
  /** Such as `--rate-limit`. */
  flag: string
  /** Undefined if it depends on others. */
  default: Settings[OptionName] | undefined
}

/** All options, in the order of their groups. */
export const optionInfos: readonly OptionInfo[] = Object.entries(shape).map(([name, type]) => ({
  ...(type.meta() as unknown as Meta),
  name: name as OptionName,
  flag: `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  default: type.parse(undefined),
}))

/** What is wrong with one option. */
export interface OptionProblem {
  /** Its name in the library. */
  readonly option: string
  readonly problem: string
}

/** One or several options are wrong. */
export class OptionsError extends Error {
  readonly problems: readonly OptionProblem[]

  constructor(problems: readonly OptionProblem[]) {
    super(problems.map(({ option, problem }) => `${option}: ${problem}`).join('\n'))
    this.name = 'OptionsError'
    this.problems = problems
  }
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws {OptionsError} With all that are wrong.
 */
export function parseOptions(options: object): Settings {
  const result = schema.safeParse(options)
  if (!result.success) throw new OptionsError(result.error.issues.flatMap((issue) => explain(issue, options)))
  const problems = tlsProblems(result.data)
  if (problems.length > 0) throw new OptionsError(problems)
  const { enableTls, port } = result.data
  return { ...result.data, port: port ?? (enableTls ? TLS_PORT : PORT) }
}

function explain(issue: z.core.$ZodIssue, options: object): OptionProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((option) => ({ option, problem: 'there is no such option' }))
  }
  const option = String(issue.path[0])
  const { secret } = optionInfos.find(({ name }) => name === option) ?? {}
  const value = (options as Readonly<Record<string, unknown>>)[option]
  return [{ option, problem: secret ? issue.message : `${issue.message} (got ${JSON.stringify(value)})` }]
}

function tlsProblems({ enableTls, tlsCert, tlsKey }: z.output<typeof schema>): OptionProblem[] {
  const files = Object.entries({ tlsCert, tlsKey })
  if (enableTls) {
    return files
      .filter(([, file]) => file === '')
      .map(([option]) => ({ option, problem: 'is needed when TLS is enabled' }))
  }
  // Whoever names a certificate must not end up without TLS by forgetting the switch.
  return files
    .filter(([, file]) => file !== '')
    .map(([option]) => ({ option, problem: 'is set, but TLS is not enabled' }))
}
