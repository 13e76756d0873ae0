import { type OptionProblem, OptionsError } from './index.js'

/** The problems that a check finds. */
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
 * The results of all tasks.
 *
 * @throws {OptionsError} With the wrong options that all of them find.
 */
export async function allOf<T extends readonly unknown[] | []>(
  tasks: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(tasks)
  const faults = settled.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : []))
  const problems = faults.flatMap((fault) => (fault instanceof OptionsError ? fault.problems : []))
  if (problems.length > 0) throw new OptionsError(problems)
  // Either all tasks have succeeded, or this throws.
  return await Promise.all(tasks)
}
