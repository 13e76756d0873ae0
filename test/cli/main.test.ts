import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { optionInfos } from '../../src/options/index.js'
import { baton } from '../support/baton.js'
import { handshake, makeCertificate } from '../support/certificate.js'
import { Client } from '../support/client.js'
import { startRelay } from '../support/relay.js'

interface Command {
  child: ChildProcess
  port: number
  lines: string[]
  /** Waits for a line of the log that has this text. */
  logged(text: string): Promise<void>
}

/** Starts the built command as a process, and waits until it listens. */
async function start(env: Record<string, string>): Promise<Command> {
  const child = spawn(process.execPath, ['dist/cli.js', '--port', '0', '--host', '127.0.0.1'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => lines.push(line))
  await once(reader, 'line')
  const [, port] = /"port":(\d+)/.exec(lines[0] ?? '') ?? []
  const logged = async (text: string): Promise<void> => {
    while (!lines.some((line) => line.includes(text))) await once(reader, 'line')
  }
  return { child, port: Number(port), lines, logged }
}

describe('baton', () => {
  it('--help names every option in its group, with its variable and default', async () => {
    const { code, out } = await baton(['--help'])
    expect(code).toBe(0)
    for (const { flag, env } of optionInfos) {
      expect(out).toContain(flag)
      expect(out).toContain(env)
    }
    expect(out).toMatch(/Limits:\n.*--rate-limit <number> .*\(RATE_LIMIT,\s+default\s+100\)/s)
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('--version prints the version', async () => {
    expect(await baton(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })

  it.each([[['-v']], [['version']]])('%j prints the version (10.44)', async (argv) => {
    expect(await baton(argv)).toEqual(await baton(['--version']))
  })

  it.each([[['-h']], [['help']]])('%j prints the help (10.44)', async (argv) => {
    expect(await baton(argv)).toEqual(await baton(['--help']))
  })

  it('takes a number on its own as the port (10.44)', async () => {
    expect((await baton(['8080', '--print-config'], { PORT: '1' })).out).toMatch(/^PORT=8080 # flag$/m)
    expect(await baton(['8080', '--port', '8081'])).toEqual({ code: 2, out: '', err: 'the port is given twice\n' })
    expect(await baton(['99999'])).toMatchObject({ code: 2, err: expect.stringMatching(/^--port: must be .*\n$/) })
  })

  it('names misspelt variables with what they may have meant, and no value (10.44)', async () => {
    const env = { MAX_CONECTIONS: 'secret', BATON_RATE_LIMIT: 'secret', JWT_SECERT_FILE: 'secret' }
    const others = {
      HISTSIZE: '1',
      HOSTNAME: 'x',
      NODE_PATH: 'x',
      LOG: '1',
      PATH: 'x',
      BATON_PORT: 'tcp://10.0.0.1:80',
    }
    const { code, out, err } = await baton(['--print-config'], { ...env, ...others })
    expect(code).toBe(0)
    expect(err.trimEnd().split('\n')).toEqual([
      'MAX_CONECTIONS is no variable of Baton, and counts for nothing: did you mean MAX_CONNECTIONS?',
      'BATON_RATE_LIMIT is no variable of Baton, and counts for nothing: did you mean RATE_LIMIT?',
      'JWT_SECERT_FILE is no variable of Baton, and counts for nothing: did you mean JWT_SECRET_FILE?',
    ])
    expect(out).not.toContain('secret')
  })

  it('names what a misspelt flag may have meant, in one line (10.44)', async () => {
    expect(await baton(['--max-conections', '5'])).toEqual({
      code: 2,
      out: '',
      err: "unknown option '--max-conections' (Did you mean --max-connections?)\n",
    })
  })

  it('names what is missing as the user named the rest (10.44)', async () => {
    const problem = 'is needed when TLS is enabled'
    const flags = await baton(['--enable-tls', '--environment', 'production'])
    expect(flags.err).toBe(`--tls-cert: ${problem}\n--tls-key: ${problem}\n`)
    const variables = await baton([], { ENABLE_TLS: 'true', NODE_ENV: 'production' })
    expect(variables.err).toBe(`TLS_CERT: ${problem}\nTLS_KEY: ${problem}\n`)
  })

  it('--print-config prints what is in force and where it comes from, secrets masked', async () => {
    const env = { PORT: '8080', RATE_LIMIT: '7', LOG_KEY: 'hush-hush-hush-hush', HOST: '' }
    const { code, out } = await baton(['--print-config', '--rate-limit', '9', '--log-room-names'], env)
    expect(code).toBe(0)
    expect(out).toContain('PORT=8080 # environment\n')
    expect(out).toContain('RATE_LIMIT=9 # flag\n')
    expect(out).toContain('ROOM_EXPIRY=24h # default\n')
    expect(out).toContain('MAX_MESSAGE_BYTES=1MiB # default\n')
    expect(out).toContain('LOG_ROOM_NAMES=true # flag\n')
    expect(out).toContain('LOG_KEY=******** # environment\n')
    expect(out).toContain('HOST= # default\n')
    expect(out).not.toContain('hush')
  })

  it('--print-config reads no certificate', async () => {
    const env = { ENABLE_TLS: 'true', TLS_CERT: '/nowhere/cert.pem', TLS_KEY: '/nowhere/key.pem' }
    const { code, out } = await baton(['--print-config'], env)
    expect(code).toBe(0)
    expect(out).toContain('TLS_CERT=/nowhere/cert.pem # environment\nTLS_KEY=/nowhere/key.pem # environment\n')
    expect(await baton([], env)).toEqual({
      code: 2,
      out: '',
      err: 'TLS_CERT: there is no file /nowhere/cert.pem\nTLS_KEY: there is no file /nowhere/key.pem\n',
    })
  })

  it('ends with 2 and a line for each wrong option, by the name that the user gave it', async () => {
    const { code, out, err } = await baton(['--port', 'x'], { RATE_LIMIT: 'many', LOG_LEVEL: 'loud' })
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err.trimEnd().split('\n')).toEqual([
      '--port: must be a whole number from 0 to 65535 (got "x")',
      'RATE_LIMIT: must be a whole number, 0 or more (got "many")',
      'LOG_LEVEL: must be one of debug, info, warn, error, silent (got "loud")',
    ])
  })

  it('tells of secrets that cannot be read beside the others that are wrong', async () => {
    const env = { ADMIN_TOKEN_FILE: '/nowhere', JWT_SECRET: 'x', JWT_SECRET_FILE: '/nowhere', RATE_LIMIT: 'many' }
    const { code, err } = await baton([], env)
    expect(code).toBe(2)
    expect(err.trimEnd().split('\n')).toEqual([
      'JWT_SECRET: is set, and so is JWT_SECRET_FILE: which of them counts?',
      expect.stringMatching(/^ADMIN_TOKEN: the file that ADMIN_TOKEN_FILE names cannot be read: ENOENT/),
      'RATE_LIMIT: must be a whole number, 0 or more (got "many")',
    ])
  })

  it.each([[['--colour']], [['--port']], [['serve']]])('ends with 2 and one line for %j', async (argv) => {
    const { code, err } = await baton(argv)
    expect(code).toBe(2)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
  })

  it('ends with 1 and one line when the port is taken', async () => {
    const { port } = await startRelay()
    const { code, err } = await baton(['--port', String(port), '--host', '127.0.0.1', '--log-level', 'silent'])
    expect(code).toBe(1)
    expect(err).toMatch(/^Port \d+ is already in use\..*\n$/)
  })

  it('ends with 0 when it is told to stop', async () => {
    expect(await baton(['--port', '0', '--host', '127.0.0.1', '--log-level', 'silent'])).toMatchObject({ code: 0 })
  })
})

describe('the process', () => {
  it.each([
    ['production', /^\{.*"url":"http:\/\/127\.0\.0\.1:(\d+)","address".*"message":"Relay listening"\}$/],
    ['development', /INFO: Relay listening \{"url":"http:\/\/127\.0\.0\.1:(\d+)","address"/],
  ])('says which URL to open, in %s (10.44)', async (environment, pattern) => {
    const { port, lines } = await start({ NODE_ENV: environment, NO_COLOR: '1' })
    expect(pattern.exec(lines[0] ?? '')?.[1]).toBe(String(port))
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('drains on %s and ends with 0', async (signal) => {
    const { child, port } = await start({ NODE_ENV: 'production' })
    const client = await Client.open(`ws://127.0.0.1:${port}/room/doc`)
    await client.json()
    child.kill(signal)
    expect(await client.json()).toMatchObject({ type: 'server-shutdown' })
    expect(await client.closed()).toEqual({ code: 1001, reason: 'Server shutting down' })
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it.each([
    ['Ctrl+C', 'SIGINT', ''],
    ['SIGTERM for the whole group', 'SIGTERM', 'start'],
  ] as const)('takes the same %s twice, as it comes below npm start, for one', async (_what, signal, script) => {
    const { child, port, logged } = await start({ NODE_ENV: 'production', npm_lifecycle_event: script })
    const client = await Client.open(`ws://127.0.0.1:${port}/room/doc`)
    child.kill(signal)
    await logged('Relay shutting down')
    child.kill(signal)
    expect(await client.closed()).toMatchObject({ code: 1001 })
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
  ] as const)('does not wait on %s and then %s (10.3)', async (first, second) => {
    const { child, port, logged } = await start({ NODE_ENV: 'production', npm_lifecycle_event: '' })
    const stuck = await Client.open(`ws://127.0.0.1:${port}/room/doc`)
    await stuck.json()
    stuck.socket.pause()
    child.kill(first)
    await logged('Relay shutting down')
    child.kill(second)
    expect(await once(child, 'exit')).toEqual([1, null])
    stuck.drop()
  })

  it('does not wait on a second Ctrl+C a second later', async () => {
    const { child, port } = await start({ NODE_ENV: 'production' })
    const stuck = await Client.open(`ws://127.0.0.1:${port}/room/doc`)
    await stuck.json()
    stuck.socket.pause()
    const exited = once(child, 'exit')
    const again = setInterval(() => child.kill('SIGINT'), 200)
    onTestFinished(() => clearInterval(again))
    expect(await exited).toEqual([1, null])
    stuck.drop()
  })

  it('drains on SIGHUP, as when its terminal is closed, and ends with 0 (10.3)', async () => {
    const { child, port } = await start({ NODE_ENV: 'production' })
    const client = await Client.open(`ws://127.0.0.1:${port}/room/doc`)
    child.kill('SIGHUP')
    expect(await client.closed()).toEqual({ code: 1001, reason: 'Server shutting down' })
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('reads the files of its certificate again on SIGHUP, and serves on (10.3)', async () => {
    const files = makeCertificate('before')
    const env = { NODE_ENV: 'production', ENABLE_TLS: 'true', TLS_CERT: files.tlsCert, TLS_KEY: files.tlsKey }
    const { child, port, logged } = await start(env)
    const open = await handshake(port)
    makeCertificate('after', dirname(files.tlsCert))
    child.kill('SIGHUP')
    await logged('Certificate reloaded')
    expect((await handshake(port)).getPeerCertificate().subject.CN).toBe('after')
    expect(open.destroyed).toBe(false)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('logs JSON lines in production, with exactly timestamp, level, message and the fields', async () => {
    const { child, port, lines } = await start({ NODE_ENV: 'production' })
    const client = await Client.open(`ws://127.0.0.1:${port}/room/secret-name?nickname=secret-nick&token=secret-token`)
    await client.json()
    client.send({ type: 'message', text: 'secret-text' })
    client.send('not json')
    await client.json()
    await client.leave()
    child.kill('SIGTERM')
    await once(child, 'exit')
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    const connectionId = expect.stringMatching(/^[0-9a-f]{16}$/)
    const room = { dialect: 'impossible-writer', roomId: expect.stringMatching(/^[0-9a-f]{12}$/) }
    expect(entries.slice(1, 4)).toEqual([
      { timestamp, level: 'INFO', message: 'Room created', ...room },
      { timestamp, level: 'INFO', message: 'User joined room', connectionId, ...room, userCount: 1 },
      {
        timestamp,
        level: 'WARN',
        message: 'Message refused',
        connectionId,
        address: '127.0.0.1',
        dialect: 'impossible-writer',
        why: 'PARSE_ERROR',
      },
    ])
    expect(entries.map(({ message }) => message)).toEqual([
      'Relay listening',
      'Room created',
      'User joined room',
      'Message refused',
      'User left room',
      'Room removed',
      'Relay shutting down',
      'Relay stopped',
    ])
    expect(lines.join()).not.toContain('secret')
  })

  it('logs one readable line each otherwise', async () => {
    const { child, port, lines } = await start({ NODE_ENV: 'test', LOG_ROOM_NAMES: 'true', NO_COLOR: '1' })
    const client = await Client.open(`ws://127.0.0.1:${port}/room/doc`)
    await client.json()
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(lines.find((line) => line.includes('User joined'))).toMatch(
      /^\[[\d:.]+\] INFO: User joined room \{"connectionId":"\w{16}","dialect":"impossible-writer","roomId":"doc","userCount":1\}$/,
    )
  })
})
