import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import { generate } from 'selfsigned'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { outOfDate, watchDates } from '../../src/tls/validity.js'
import { type CertificateFiles, handshake, temporaryFolder } from '../support/certificate.js'
import { startCommand } from '../support/command.js'

const DAY = 24 * 3_600_000

/** A certificate that is valid from one day to another, counted from now. */
async function certificate(from: number, to: number): Promise<CertificateFiles> {
  const folder = temporaryFolder()
  const files = { tlsCert: join(folder, 'cert.pem'), tlsKey: join(folder, 'key.pem') }
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    notBeforeDate: new Date(Date.now() + from * DAY),
    notAfterDate: new Date(Date.now() + to * DAY),
  })
  writeFileSync(files.tlsCert, made.cert)
  writeFileSync(files.tlsKey, made.private, { mode: 0o600 })
  return files
}

async function get(port: number, path: string): Promise<string> {
  const socket = await handshake(port)
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  return await text(socket)
}

describe('a certificate that clients refuse for its dates (10.36)', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    ['that ran out', -30, -1, /^The certificate ran out on \d{4}-\d\d-\d\dT[\d:.]+Z: clients refuse it\.$/],
    ['that is not valid yet', 1, 30, /^The certificate is not valid before .*Z: clients refuse it until then\.$/],
  ])('%s is warned of at the start, and told in /health and /metrics', async (_, from, to, why) => {
    const { tlsCert, tlsKey } = await certificate(from, to)
    const env = { ENABLE_TLS: 'true', TLS_CERT: tlsCert, TLS_KEY: tlsKey, NODE_ENV: 'production' }
    const { port, log } = await startCommand(env)
    const health = JSON.parse((await get(port, '/health')).split('\r\n\r\n')[1] ?? '') as Record<string, unknown>
    expect(health).toMatchObject({ status: 'degraded', reasons: [expect.stringMatching(why)] })
    const warning = log()
      .split('\n')
      .find((line) => line.includes('The certificate is out of date'))
    expect(JSON.parse(warning ?? '{}')).toMatchObject({ level: 'WARN', why: expect.stringMatching(why) })
    const [, expiry] = /^baton_certificate_expiry_timestamp_seconds (\d+)$/m.exec(await get(port, '/metrics')) ?? []
    expect(Number(expiry)).toBe(Math.floor(Date.parse(endOf(tlsCert)) / 1000))
  })

  it('is told of within a minute when its end comes, and again when a new one is there', () => {
    vi.useFakeTimers()
    const lines: string[] = []
    const log = pino({ base: null }, { write: (line) => void lines.push((JSON.parse(line) as { msg: string }).msg) })
    const now = Date.now()
    const served = { validity: { begins: now - DAY, expires: now + DAY } }
    const stop = watchDates(served, log)
    vi.advanceTimersByTime(DAY - 1)
    expect(lines).toEqual([])
    // A machine that slept: no timer has run meanwhile.
    vi.setSystemTime(now + 2 * DAY)
    vi.advanceTimersByTime(60_000)
    expect(lines).toEqual(['The certificate is out of date'])
    served.validity = { begins: now, expires: now + 90 * DAY }
    vi.advanceTimersByTime(10 * 60_000)
    expect(lines).toEqual(['The certificate is out of date', 'The certificate is valid again'])
    stop()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is one whose end is now, and none that begins now', () => {
    vi.useFakeTimers()
    const now = Date.now()
    expect(outOfDate({ begins: now, expires: now + 1 })).toBeUndefined()
    expect(outOfDate({ begins: now - 1, expires: now })).toContain('ran out')
  })
})

function endOf(file: string): string {
  return new X509Certificate(readFileSync(file)).validTo
}
