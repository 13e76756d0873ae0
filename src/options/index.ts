/**
 * The one schema of all options. From it come the library's options, the environment variables, the
 * command's flags and its help, the types, and `docs/configuration.md`.
 */

import { z } from 'zod'
import { access, accessProblems } from './access.js'
import { admin } from './admin.js'
import { clients } from './clients.js'
import { cluster, clusterProblems } from './cluster.js'
import { connections } from './connections.js'
import type { Meta, OptionProblem } from './fields.js'
import { history } from './history.js'
import { ice, iceProblems } from './ice.js'
import { bufferedDefaults, limits, sizeProblems } from './limits.js'
import { log } from './log.js'
import { nearest } from './nearest.js'
import { PORT, portProblems, server, TLS_PORT } from './server.js'
import { tls, tlsProblems } from './tls.js'

export type { OptionProblem } from './fields.js'

const shape = {
  ...server,
  ...connections,
  ...tls,
  ...access,
  ...clients,
  ...limits,
  ...cluster,
  ...history,
  ...ice,
  ...admin,
  ...log,
}

const schema = z.strictObject(shape)

/** The options of the library, all optional. */
export type Options = z.input<typeof schema>

/** The options in force, checked and with their defaults. */
export type Settings = z.output<typeof schema> & {
  port: number
  maxBufferedBytes: number
  maxTotalBufferedBytes: number
}

/** The name of an option, as the library has it. */
export type OptionName = keyof Settings

/** The options by the groups of the help and the docs. */
const byGroup = {
  Server: server,
  Connections: connections,
  TLS: tls,
  Access: access,
  Clients: clients,
  Limits: limits,
  Cluster: cluster,
  History: history,
  ICE: ice,
  Admin: admin,
  Log: log,
} as const

/** In the order of the help. */
export const groups = Object.keys(byGroup) as readonly (keyof typeof byGroup)[]

/** An option as the command and the docs see it. */
export interface OptionInfo extends Meta {
  name: OptionName
  group: (typeof groups)[number]
  /** Such as `RATE_LIMIT`. */
  env: string
  /** Such as `--rate-limit`. */
  flag: string
  /** Undefined if it depends on others. */
  default: Settings[OptionName] | undefined
}

/** All options, in the order of their groups. */
export const optionInfos: readonly OptionInfo[] = groups.flatMap((group) =>
  Object.entries<z.ZodType>(byGroup[group]).map(([name, type]) => {
    const words = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    return {
      env: words.toUpperCase(),
      ...(type.meta() as unknown as Meta),
      name: name as OptionName,
      group,
      flag: `--${words.replaceAll('_', '-')}`,
      default: type.parse(undefined) as OptionInfo['default'],
    }
  }),
)

/** One line for a problem. `nameOf` returns the user's name of an option. The default is the name in the library. */
export function describeProblem({ option, problem }: OptionProblem, nameOf = (name: string): string => name): string {
  return `${nameOf(option)}: ${problem.replace(/\{(\w+)\}/g, (_, name: string) => nameOf(name))}`
}

/** One or several options are wrong. */
export class OptionsError extends Error {
  readonly problems: readonly OptionProblem[]

  constructor(problems: readonly OptionProblem[]) {
    super(problems.map((problem) => describeProblem(problem)).join('\n'))
    this.name = 'OptionsError'
    this.problems = problems
  }
}

/**
 * Checks options and fills in the defaults. Its result may be parsed again and does not change then: the command
 * parses options that the relay parses again.
 *
 * @param known Problems that are known already.
 * @throws {OptionsError} With all wrong options.
 */
export function parseOptions(options: object, known: readonly OptionProblem[] = []): Settings {
  const { error } = schema.safeParse(options)
  const problems = [...known, ...(error?.issues.flatMap((issue) => explain(issue, options)) ?? [])]
  const wrong = new Set(problems.map(({ option }) => option))
  const right = schema.parse(Object.fromEntries(Object.entries(options).filter(([option]) => !wrong.has(option))))
  // It depends on the other.
  if (wrong.has('enableTls')) wrong.add('port')
  const { enableTls, port = enableTls ? TLS_PORT : PORT } = right
  const settings = { ...right, port, ...bufferedDefaults(right) }
  problems.push(...checks.flatMap((check) => checkWithout(wrong, settings, check)))
  if (problems.length > 0) throw new OptionsError(problems)
  return settings
}

const drainSchema = schema.pick({ drain: true })

/**
 * Checks only the option `drain`.
 *
 * @throws {OptionsError} If it is not a duration.
 */
export function parseDrain(drain: unknown): number {
  const result = drainSchema.safeParse({ drain })
  if (!result.success) throw new OptionsError(result.error.issues.flatMap((issue) => explain(issue, { drain })))
  return result.data.drain
}

type Check = (settings: Settings) => OptionProblem[]

/** Problems of options that contradict each other. */
const checks: readonly Check[] = [tlsProblems, accessProblems, clusterProblems, iceProblems, portProblems, sizeProblems]

/** The result of a check, unless it uses an option that is wrong: its right value is not known yet. */
function checkWithout(wrong: ReadonlySet<string>, settings: Settings, check: Check): OptionProblem[] {
  let sound = true
  const watched = new Proxy(settings, {
    get(target, name, receiver) {
      if (wrong.has(String(name))) sound = false
      return Reflect.get(target, name, receiver)
    },
  })
  const problems = check(watched)
  return sound ? problems : []
}

function meant(option: string): string {
  const name = nearest(
    option,
    optionInfos.map(({ name }) => name),
  )
  return name === undefined ? '' : `; did you mean ${name}?`
}

function explain(issue: z.core.$ZodIssue, options: object): OptionProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((option) => ({ option, problem: `there is no such option${meant(option)}` }))
  }
  const option = String(issue.path[0])
  const { secret } = optionInfos.find(({ name }) => name === option) ?? {}
  const value = (options as Readonly<Record<string, unknown>>)[option]
  return [{ option, problem: secret ? issue.message : `${issue.message} (got ${JSON.stringify(value)})` }]
}
