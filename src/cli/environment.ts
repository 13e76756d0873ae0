import { readFileSync } from 'node:fs'
import { type OptionInfo, OptionsError, optionInfos } from '../options/index.js'
import { nearest } from '../options/nearest.js'

/** Where the value of an option comes from. */
export type Source = 'flag' | 'environment' | 'file' | 'default'

/** The name of the variable that names a file with a secret. */
export const FILE = '_FILE'

/** The value of a variable. A secret may also be in a file that another variable names, as with Docker and Kubernetes. */
export function fromEnvironment(
  info: Pick<OptionInfo, 'name' | 'env' | 'secret'>,
  env: Readonly<Record<string, string | undefined>>,
): [string | undefined, Source] {
  // On many platforms an empty variable means that none is set.
  const value = env[info.env] || undefined
  const file = (info.secret && env[info.env + FILE]) || undefined
  if (file === undefined) return [value, value === undefined ? 'default' : 'environment']
  if (value !== undefined) throw wrong(info.name, `is set, and so is ${info.env}${FILE}: which of them counts?`)
  try {
    return [readFileSync(file, 'utf8').trim(), 'file']
  } catch (error) {
    throw wrong(info.name, `the file that ${info.env}${FILE} names cannot be read: ${(error as Error).message}`)
  }
}

/** All variables that the command reads. */
const VARIABLES = optionInfos.flatMap(({ env, secret }) => (secret ? [env, env + FILE] : [env]))

/** Some users write it before every variable. */
const PREFIX = 'BATON_'

/** A line for each unknown variable that looks like a misspelt one of ours. It never contains the value. */
export function misspelt(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value = '']) => {
    // Kubernetes sets BATON_PORT and others like it for a service of that name.
    if (VARIABLES.includes(name) || value === '' || /^tcp:/.test(value)) return []
    const meant = nearest(name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name, VARIABLES)
    return meant === undefined
      ? []
      : [`${name} is no variable of Baton, and counts for nothing: did you mean ${meant}?`]
  })
}

function wrong(option: string, problem: string): OptionsError {
  return new OptionsError([{ option, problem }])
}
