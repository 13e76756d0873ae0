import { createRequire } from 'node:module'
import { OptionsError } from './index.js'

/**
 * Loads a package that only some installations have.
 *
 * @param option The option that needs it.
 * @throws {OptionsError} If it is not installed.
 */
export async function loadOptional<T>(option: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw notInstalled(option, name)
  }
}

/**
 * Checks that such a package is installed, for callers that cannot wait until it is loaded.
 *
 * @throws {OptionsError} If it is not installed.
 */
export function assertInstalled(option: string, name: string): void {
  try {
    createRequire(import.meta.url).resolve(name)
  } catch {
    throw notInstalled(option, name)
  }
}

function notInstalled(option: string, name: string): OptionsError {
  return new OptionsError([{ option, problem: `needs a package that is not installed: npm install ${name}` }])
}
