import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it, onTestFinished } from 'vitest'
import { Client } from '../support/client.js'
import { describeWith, hasCommand } from '../support/needs.js'

// `npm test` builds dist/ first.

/** What systemd is to a service: a datagram socket. Prints what comes, a line each. */
const SYSTEMD = `
  use Socket;
  socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die $!;
  bind($socket, sockaddr_un($ARGV[0])) or die $!;
  $| = 1;
  print "listening\\n";
  while (defined recv($socket, my $state, 4096, 0)) { print "$state\\n" }`

const missing = ['systemd-notify', 'perl'].filter((program) => !hasCommand(program))

/** Listens as systemd does. */
async function listen(): Promise<{ path: string; next(): Promise<string> }> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-'))
  const path = join(folder, 'notify')
  const child = spawn('perl', ['-e', SYSTEMD, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error('the socket is gone')
      // How systemd-notify waits until its message was read.
      if (value !== 'BARRIER=1') return value
    }
  }
  expect(await next()).toBe('listening')
  return { path, next }
}

/** Starts the command as systemd does, and waits until it listens. */
async function start(env: Record<string, string>): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ['dist/cli.js', '--port', '0', '--host', '127.0.0.1'], {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, port: JSON.parse(line).port }
}

describeWith(missing.join(' and no '), missing.length === 0, 'under systemd', () => {
  it('says when it is ready, and when it drains', async () => {
    const { path, next } = await listen()
    const { child, port } = await start({ NOTIFY_SOCKET: path })
    expect(await next()).toBe('READY=1')
    const client = await Client.open(`ws://127.0.0.1:${port}/room/doc`)
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await next()).toBe('STOPPING=1')
    expect(await client.closed()).toMatchObject({ code: 1001 })
    expect(await exit).toEqual([0, null])
  })

  it('gives signs of life, also while it drains', async () => {
    const { path, next } = await listen()
    const { child, port } = await start({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000', DRAIN: '0' })
    expect(await next()).toBe('READY=1')
    for (let signs = 0; signs < 3; signs++) expect(await next()).toBe('WATCHDOG=1')
    // Does not answer the goodbye, and so is waited for.
    const stuck = await Client.open(`ws://127.0.0.1:${port}/room/doc`)
    stuck.socket.pause()
    child.kill('SIGTERM')
    while ((await next()) !== 'STOPPING=1');
    for (let signs = 0; signs < 3; signs++) expect(await next()).toBe('WATCHDOG=1')
    const exit = once(child, 'exit')
    stuck.drop()
    expect(await exit).toEqual([0, null])
  })

  it('asks for nothing when systemd wants to know nothing', async () => {
    const { child } = await start({ WATCHDOG_USEC: '100000' })
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('serves and stops although nobody listens at the socket', async () => {
    const { child, port } = await start({ NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '100000' })
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})
