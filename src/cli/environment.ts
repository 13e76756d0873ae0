import { readFileSync } from 'node:fs'
import { type OptionInfo, OptionsError } from '../options/index.js'

/** Where the value of an option comes from. */
export type Source = 'flag' | 'environment' | 'file' | 'default'

/** What the variable is called that names a file with a secret. */
export const FILE = '_FILE'

/** The value of a variable, or for a secret that of the file that another names, as Docker and Kubernetes hand them out. */
export function fromEnvironment(
  info: Pick<OptionInfo, 'name' | 'env' | 'secret'>,
  env: Readonly<Record<string, string | undefined>>,
): [string | undefined, Source] {
  // An empty variable is how many platforms say that none is set.
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

function wrong(option: string, problem: string): OptionsError {
  return new OptionsError([{ option, problem }])
}
