import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { run } from '../src/cli/main.js'
import { optionInfos, parseOptions } from '../src/options/index.js'

const SECRET = 'sesame-open-yourself-please-1001'
const KEY = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString().trim()
const secrets = optionInfos.filter(({ secret }) => secret)

/** Those that are more than a text, and what must not be seen of them. */
const values: Readonly<Record<string, { value: string; core: string }>> = {
  redisUrl: { value: `redis://:${SECRET}@127.0.0.1:1`, core: SECRET },
  jwksUrl: { value: `https://id.example/keys?key=${SECRET}`, core: SECRET },
  jwtPublicKey: { value: KEY, core: KEY.split('\n')[1] ?? '' },
}

/** What has to be set beside them. */
const companions: Readonly<Record<string, readonly string[]>> = { turnSecret: ['--turn-urls=turn:relay.example'] }

function sample(name: string): { value: string; core: string } {
  return values[name] ?? { value: SECRET, core: SECRET }
}

/** All that the command says, started with these. */
async function said(argv: string[], env: Record<string, string> = {}): Promise<string> {
  let text = ''
  const hear = (more: string): void => {
    text += more
  }
  await run({ argv, env, out: hear, err: hear }, AbortSignal.abort())
  return text
}

function fileWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'baton-secret-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'secret')
  writeFileSync(file, text)
  return file
}

describe.each(secrets)('the secret $name', ({ name, env, flag }) => {
  it('is masked in --print-config, wherever it comes from', async () => {
    const { value, core } = sample(name)
    for (const [argv, variables, source] of [
      [[flag, value], {}, 'flag'],
      [[`${flag}=${value}`], {}, 'flag'],
      [[], { [env]: value }, 'environment'],
      [[], { [`${env}_FILE`]: fileWith(`${value}\n`) }, 'file'],
    ] as const) {
      const text = await said([...argv, ...(companions[name] ?? []), '--print-config'], variables)
      expect(text).toContain(`${env}=******** # ${source}\n`)
      expect(text).not.toContain(core)
    }
  })

  it('is not shown by errors: not its own, not those of flags that look like it', async () => {
    for (const wrong of [7, { [SECRET]: 1 }, [SECRET]]) {
      try {
        parseOptions({ [name]: wrong })
        expect.unreachable()
      } catch (error) {
        expect(String((error as Error).stack)).not.toContain(SECRET)
      }
    }
    for (const argv of [
      [`${flag}s=${SECRET}`],
      [`${flag}s`, SECRET],
      [flag, SECRET, SECRET],
      [flag, SECRET, '--port=x'],
    ])
      expect(await said(argv)).not.toContain(SECRET)
    expect(await said([], { [env]: SECRET, [`${env}_FILE`]: '/nowhere' })).toBe(
      `${env}: is set, and so is ${env}_FILE: which of them counts?\n`,
    )
    expect(await said([], { [`${env}_FILE`]: '/nowhere' })).toMatch(
      new RegExp(`^${env}: the file that ${env}_FILE names cannot be read: ENOENT.*\n$`),
    )
  })
})

describe('a secret from a file', () => {
  it('is without the end of the line that the file has', async () => {
    const text = await said([], { ADMIN_TOKEN_FILE: fileWith('15 characters ..\n'.replace('..', '.')) })
    expect(text).toBe('ADMIN_TOKEN_FILE: must have at least 16 characters\n')
  })
})

describe('a running relay', () => {
  it.runIf(process.platform === 'linux')('has no secret in its command line, its title or its log', async () => {
    // Tokens are signed with a secret or with a key.
    const given = secrets.filter(({ name }) => name !== 'jwtPublicKey' && name !== 'jwksUrl')
    const flags = given.flatMap(({ name, flag }) => [flag, sample(name).value, ...(companions[name] ?? [])])
    const child = spawn(
      process.execPath,
      ['dist/cli.js', '--port=0', '--host=127.0.0.1', '--log-level=debug', ...flags],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    onTestFinished(() => void child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stdout })
    const [first] = (await once(lines, 'line')) as [string]
    expect(first).not.toContain(SECRET)
    const commandLine = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')
    expect(commandLine).toMatch(/^baton\0*/)
    expect(commandLine).not.toContain('sesame')
    let rest = ''
    lines.on('line', (line) => {
      rest += line
    })
    child.kill('SIGTERM')
    await once(child, 'close')
    expect(rest).toContain('Relay stopped')
    expect(rest).not.toContain(SECRET)
  })

  it('says once that nothing limits an address, if it is in production and open to the internet', async () => {
    const linesOf = async (...flags: string[]): Promise<number> => {
      const child = spawn(process.execPath, ['dist/cli.js', '--port=0', ...flags], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      onTestFinished(() => void child.kill('SIGKILL'))
      const lines: string[] = []
      const reader = createInterface({ input: child.stdout })
      reader.on('line', (line) => lines.push(line))
      await once(reader, 'line')
      child.kill('SIGTERM')
      await once(child, 'close')
      return lines.filter((line) => line.includes('MAX_CONNECTIONS_PER_IP')).length
    }
    const production = '--environment=production'
    expect(
      await Promise.all([
        linesOf(production),
        linesOf(production, '--max-connections-per-ip=100'),
        linesOf(production, '--trust-proxy=1'),
        linesOf(production, '--host=127.0.0.1'),
        linesOf('--environment=development'),
      ]),
    ).toEqual([1, 0, 0, 0, 0])
  })
})
