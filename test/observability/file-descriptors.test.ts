import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { FileDescriptors } from '../../src/observability/file-descriptors.js'
import { describeWith } from '../support/needs.js'
import { RawClient } from '../support/raw.js'
import { RelayCommand } from '../support/relay-command.js'
import { SECRET, tokenFor } from '../support/tokens.js'

/** Changes the limits of a process that runs; of util-linux. */
const PRLIMIT = '/usr/bin/prlimit'

const hasPrlimit = existsSync(PRLIMIT)

describeWith(PRLIMIT, hasPrlimit, 'a relay without a file descriptor left (10.5)', () => {
  it('says so once in the log, counts it, and is degraded', async () => {
    const relay = await RelayCommand.start({ NODE_ENV: 'production' })
    const { port, host } = new URL(relay.url)
    const kept = await RawClient.connect({ port: Number(port) })
    const ask = async (path: string): Promise<string> => {
      const head = await kept.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).head()
      expect(head?.status).toBe(200)
      return (await kept.body(Number(head?.headers['content-length']))) ?? ''
    }
    expect(JSON.parse(await ask('/health'))).toMatchObject({ status: 'healthy' })
    const limit = 1 + Math.max(...readdirSync(`/proc/${relay.pid}/fd`).map(Number))
    execFileSync(PRLIMIT, ['--pid', String(relay.pid), `--nofile=${limit}:${limit}`])
    const cut = await Promise.all(Array.from({ length: limit }, () => RawClient.connect({ port: Number(port) })))
    expect(await Promise.race(cut.map((client) => client.head()))).toBeUndefined()
    await relay.logged('New connections are cut off')
    const { status, reasons } = JSON.parse(await ask('/health'))
    expect({ status, reasons }).toEqual({ status: 'degraded', reasons: [expect.stringContaining('ulimit -n')] })
    expect(await ask('/metrics')).toContain('\nbaton_file_descriptor_shortages_total 1\n')
    expect(relay.count('New connections are cut off')).toBe(1)
    relay.signal('SIGTERM')
    expect(await relay.exit()).toBe(0)
  })
})

describeWith(PRLIMIT, hasPrlimit, 'a relay that checks tokens, without a file descriptor left (10.5)', () => {
  it('checks its first one as well', async () => {
    const relay = await RelayCommand.start({ JWT_SECRET: SECRET, STUN_URLS: 'stun:stun.example.org' })
    const { port, host } = new URL(relay.url)
    const kept = await RawClient.connect({ port: Number(port) })
    const limit = 1 + Math.max(...readdirSync(`/proc/${relay.pid}/fd`).map(Number))
    execFileSync(PRLIMIT, ['--pid', String(relay.pid), `--nofile=${limit}:${limit}`])
    const cut = await Promise.all(Array.from({ length: limit }, () => RawClient.connect({ port: Number(port) })))
    expect(await Promise.race(cut.map((client) => client.head()))).toBeUndefined()
    const target = `/ice-servers?token=${await tokenFor()}`
    expect(await kept.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).head()).toMatchObject({ status: 200 })
  })
})

describe('a shortage of file descriptors (10.5)', () => {
  const messages: string[] = []
  const log = pino({ base: null }, { write: (line) => messages.push((JSON.parse(line) as { msg: string }).msg) })
  let code: string | undefined

  const watch = (): FileDescriptors => {
    const descriptors = new FileDescriptors(log, () => {
      if (code !== undefined) throw Object.assign(new Error(code), { code })
    })
    descriptors.start()
    onTestFinished(() => descriptors.stop())
    return descriptors
  }

  beforeEach(() => {
    messages.length = 0
    code = undefined
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    ['EMFILE', 'ulimit -n'],
    ['ENFILE', 'fs.file-max'],
  ])('%s is told of until a minute after its end, and counted once', (shortage, advice) => {
    const descriptors = watch()
    vi.advanceTimersByTime(60_000)
    expect(descriptors.healthIssue()).toBeUndefined()
    // It comes and goes, as clients do.
    for (let i = 0; i < 10; i++) {
      code = code === undefined ? shortage : undefined
      vi.advanceTimersByTime(5000)
    }
    expect(descriptors.healthIssue()).toContain(advice)
    expect([messages, descriptors.shortages]).toEqual([['New connections are cut off'], 1])
    code = undefined
    vi.advanceTimersByTime(61_000)
    expect(descriptors.healthIssue()).toBeUndefined()
    expect(messages).toEqual(['New connections are cut off', 'New connections are accepted again'])
    code = shortage
    vi.advanceTimersByTime(1000)
    expect(descriptors.shortages).toBe(2)
  })

  it('is seen where a connection could not be accepted, whatever the reason, without a line for each', () => {
    const descriptors = watch()
    for (let i = 0; i < 1000; i++) descriptors.acceptFailed(Object.assign(new Error('accept'), { code: 'ENOBUFS' }))
    expect(descriptors.healthIssue()).toBe('Connections could not be accepted: ENOBUFS.')
    expect([messages, descriptors.shortages]).toEqual([['New connections are cut off'], 1])
  })

  it('is no other fault of a file', () => {
    const descriptors = watch()
    code = 'EACCES'
    vi.advanceTimersByTime(5000)
    expect(descriptors.healthIssue()).toBeUndefined()
  })
})
