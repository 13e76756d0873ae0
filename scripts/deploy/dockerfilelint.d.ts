/** The linter has no types of its own. */
declare module 'dockerfilelint' {
  /** What is wrong with a Dockerfile; the first argument is the folder of the linter's own settings, if any. */
  export function run(settings: string, dockerfile: string): { title: string; line: number }[]
}
