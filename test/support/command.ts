import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

/** Starts the built command as a process that logs everything, and keeps what it writes. */
export async function startCommand(
  env: Record<string, string>,
): Promise<{ child: ChildProcess; port: number; log(): string }> {
  const child = spawn(process.execPath, ['dist/cli.js', '--port', '0', '--host', '127.0.0.1'], {
    env: { ...process.env, LOG_LEVEL: 'debug', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let log = ''
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  }
  const died = once(child, 'close').then(() => Promise.reject(new Error(`the command has ended: ${log}`)))
  const line = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>
  const [first] = await Promise.race([line, died])
  return { child, port: Number(/"port":(\d+)/.exec(first)?.[1]), log: () => log }
}
