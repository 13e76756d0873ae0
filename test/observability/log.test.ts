import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it, type TestContext } from 'vitest'
import { Log } from '../../src/observability/log.js'
import { LogOutput } from '../../src/observability/log-output.js'
import { Client } from '../support/client.js'
import { numbersIn } from '../support/metrics.js'

const environments = ['production', 'development'] as const

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** A relay whose standard output goes to a file, or into a pipe that is not read until the test does. */
async function startRelay(
  environment: string,
  stdout: 'pipe' | number,
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
): Promise<{ child: ChildProcess; url: string; http: string }> {
  const port = await freePort()
  const child = spawn(process.execPath, ['dist/cli.js', '--host', '127.0.0.1', '--port', String(port)], {
    env: { PATH: process.env['PATH'], NODE_ENV: environment, LOG_ROOM_NAMES: 'true', THROTTLE: '0' },
    stdio: ['ignore', stdout, 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const http = `http://127.0.0.1:${port}`
  while (!(await fetch(`${http}/health`).catch(() => undefined))) {
    if (child.exitCode !== null) throw new Error(`the relay has ended with ${child.exitCode}`)
    // Its log says when it listens, but here nobody can read that.
    await sleep(20)
  }
  return { child, url: http.replace('http', 'ws'), http }
}

/** Comes into 100 topics and leaves them, over and over, which is worth megabytes of log. */
async function comeAndGo(url: string): Promise<void> {
  const client = await Client.open(`${url}/y-webrtc`)
  const topics = Array.from({ length: 100 }, (_, i) => `${i} ${'語'.repeat(250)}`)
  for (let round = 0; round < 8; round++) {
    client.send({ type: 'subscribe', topics }).send({ type: 'unsubscribe', topics })
    await client.settled()
  }
}

async function codeAfter(signal: NodeJS.Signals, child: ChildProcess): Promise<number | null> {
  child.kill(signal)
  if (child.exitCode === null) await once(child, 'exit')
  return child.exitCode
}

describe.concurrent.each(environments)('a log in %s that cannot be written (10.2)', (environment) => {
  it.runIf(process.platform === 'linux')(
    'as its disk is full costs nobody anything, and the stop neither',
    async (test) => {
      const full = openSync('/dev/full', 'w')
      test.onTestFinished(() => closeSync(full))
      const { child, url } = await startRelay(environment, full, test)
      await comeAndGo(url)
      expect(await codeAfter('SIGTERM', child)).toBe(0)
    },
  )

  it('as its reader stands still costs nobody anything, and the stop neither', async (test) => {
    const { child, url, http } = await startRelay(environment, 'pipe', test)
    await comeAndGo(url)
    expect(await (await fetch(`${http}/health`)).json()).toMatchObject({
      status: 'degraded',
      reasons: ['The log cannot be written: lines are lost.'],
    })
    expect(await codeAfter('SIGTERM', child)).toBe(0)
  })

  it('as its reader has gone costs nobody anything, and the stop neither', async (test) => {
    const { child, url } = await startRelay(environment, 'pipe', test)
    child.stdout?.destroy()
    await comeAndGo(url)
    expect(await codeAfter('SIGTERM', child)).toBe(0)
  })
})

describe.concurrent('a log whose reader is back (10.2)', () => {
  it('has one gap, says how many lines that are, and no torn line', async (test) => {
    const { child, url, http } = await startRelay('production', 'pipe', test)
    await comeAndGo(url)
    const lost = numbersIn(await (await fetch(`${http}/metrics`)).text()).get('baton_log_lines_lost_total')
    expect(lost).toBeGreaterThan(0)
    const lines: Record<string, unknown>[] = []
    if (!child.stdout) throw new Error('no output')
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>
      lines.push(entry)
      // The gap is told when the rest is through.
      if ('lost' in entry) child.kill('SIGTERM')
    })
    await once(child, 'close')
    expect(lines.filter((line) => 'lost' in line)).toMatchObject([{ level: 'WARN', lost }])
    expect(lines.at(-1)).toMatchObject({ message: 'Relay stopped' })
  })
})

/** A log whose output is kept. */
function keptLog(environment: string): { log: Log; text(): string } {
  let text = ''
  class Kept extends LogOutput {
    override write(line: string): boolean {
      text += line
      return true
    }
  }
  const output = new Kept(1)
  return { log: new Log({ environment, logLevel: 'info' }, () => output), text: () => text }
}

describe('a control character in the log (10.41)', () => {
  const controls = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
  const odd = fc.constantFrom(
    ...['\u0000', '\u001b', '\u007f', '\u0085', '\u009b', '\u00ad', '\u200b', '\u200e', '\u2028', '\u2029'],
    ...['\u202e', '\u2066', '\u2069', '\ufeff', '\u{e0041}', '\n', '\r', '\\', '"', 'é', '語', '😀'],
  )
  const anyText = fc.string({ unit: fc.oneof(odd, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })) })

  it('is escaped in JSON, in values and keys alike, and is the same when it is read', () => {
    fc.assert(
      fc.property(anyText, anyText, (key, value) => {
        const { log, text } = keptLog('production')
        log.logger.info({ [`key ${key}`]: value, nested: { [key]: [value] } }, 'Message')
        expect(text().slice(0, -1)).not.toMatch(controls)
        expect(JSON.parse(text())).toMatchObject({ [`key ${key}`]: value })
      }),
    )
  })

  it('is not in readable lines, in values, keys and the messages of errors', () => {
    fc.assert(
      fc.property(anyText, anyText, (key, value) => {
        const { log, text } = keptLog('development')
        log.logger.info({ [`key ${key}`]: value, err: new Error(value) }, 'Message')
        // Only the stack of the error has lines of its own, and they are indented.
        const [, ...rest] = text().trimEnd().split('\n')
        for (const line of rest) expect(line).toMatch(/^ {4}/)
        expect(text().replaceAll('\n', '').replaceAll('\t', '')).not.toMatch(controls)
      }),
    )
  })
})
