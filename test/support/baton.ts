import { run } from '../../src/cli/main.js'

/** Runs the command in this process, with what would be its terminal; a relay that it starts is stopped at once. */
export async function baton(
  argv: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const terminal = {
    argv,
    env,
    out: (text: string) => {
      out += text
    },
    err: (text: string) => {
      err += text
    },
  }
  const code = await run(terminal, AbortSignal.abort())
  return { code, out, err }
}
