import { type OptionProblem, OptionsError } from './index.js'

/** What a check finds wrong with options. */
export function problemsOf(check: () => void): readonly OptionProblem[] {
  try {
    check()
    return []
  } catch (error) {
    if (error instanceof OptionsError) return error.problems
    throw error
  }
}

/**
 * What all tasks come to.
 *
 * @throws {OptionsError} With all options that any of them finds wrong.
 */
export async function allOf<T extends readonly unknown[] | []>(
  tasks: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(tasks)
  const faults = settled.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : []))
  const problems = faults.flatMap((fault) => (fault instanceof OptionsError ? fault.problems : []))
  if (problems.length > 0) throw new OptionsError(problems)
  // The others have succeeded, or this says why not.
  return await Promise.all(tasks)
}
