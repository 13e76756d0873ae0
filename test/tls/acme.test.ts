import { spawn } from 'node:child_process'
import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { Agent, createServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { isDeepStrictEqual } from 'node:util'
import { axios } from 'acme-client'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type Options, Relay } from '../../src/index.js'
import { parseOptions } from '../../src/options/index.js'
import type { Certificate } from '../../src/tls/certificate.js'
import { createCertificate } from '../../src/tls/create-certificate.js'
import { PlainHttp } from '../../src/tls/plain-http.js'
import { handshake, makeCertificate, temporaryFolder } from '../support/certificate.js'
import { describeWithPebble, freePorts, type Pebble, startPebble } from '../support/pebble.js'

const MINUTE = 60_000

/** An order is a dozen requests, each of which may take a second on a busy machine. */
const PATIENCE = 50_000

vi.setConfig({ testTimeout: MINUTE })

interface Line {
  msg: string
  why?: string
  advice?: string
  retry?: string
}

interface Acme {
  certificate: Certificate
  port: number
  lines: Line[]
  /** Asks for no more. */
  stop(): void
  /** Waits for a line of the log. */
  logged(message: string, nth?: number): Promise<Line>
}

let pebble: Pebble

function optionsFor({ directory }: Pebble, options: Options): Options {
  const names = { acmeDomains: ['relay.example'], acmeDirectory: directory }
  return { enableTls: true, ...names, host: '127.0.0.1', logLevel: 'silent', ...options }
}

/** Serves a certificate from the authority, on a server that says "hello". */
async function startAcme(options: Options = {}): Promise<Acme> {
  const lines: Line[] = []
  const log = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line) as Line) })
  const settings = parseOptions(optionsFor(pebble, { acmeStore: temporaryFolder(), ...options }))
  const certificate = await createCertificate(settings, log, new PlainHttp(settings, SILENT))
  const server = createServer(certificate.options, (_, response) => response.end('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  pebble.tlsDoor.leadTo(port)
  const stop = certificate.serve(server)
  onTestFinished(() => {
    stop()
    server.close().closeAllConnections()
    pebble.tlsDoor.hold()
  })
  return {
    certificate,
    port,
    lines,
    stop,
    async logged(message, nth = 1) {
      const find = (): Line | undefined => lines.filter(({ msg }) => msg === message)[nth - 1]
      return await vi.waitUntil(find, { timeout: PATIENCE, interval: 20 }).catch((error: unknown) => {
        throw new Error(`not logged: ${message}, but ${JSON.stringify(lines)}`, { cause: error })
      })
    },
  }
}

const SILENT = { limited() {}, failed() {}, acceptFailed() {} }

const WANTED = JSON.stringify({ domains: ['relay.example'], challenge: 'tls-alpn-01', port: 80 })

/** What is kept of the last attempt, if it is not known to have succeeded. */
function attempt(acmeStore: string): { failures: number; why: string } | undefined {
  const [authority = ''] = readdirSync(acmeStore)
  const file = join(acmeStore, authority, 'attempt.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

/** The folder of the authority, made by who would ask it. */
async function folderOf(acmeStore: string): Promise<string[]> {
  const settings = parseOptions(optionsFor(pebble, { acmeStore }))
  await createCertificate(settings, pino({ level: 'silent' }), new PlainHttp(settings, SILENT))
  return readdirSync(acmeStore)
}

/** What a client that trusts the authority is shown. */
async function shown(port: number, { root }: Pebble, servername = 'relay.example'): Promise<X509Certificate> {
  const socket = await handshake(port, { servername, ca: root, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'] })
  return socket.getPeerX509Certificate() as X509Certificate
}

describeWithPebble('a certificate from an authority', () => {
  beforeAll(async () => {
    pebble = await startPebble()
    axios.defaults.httpsAgent = pebble.agent
    return () => pebble.stop()
  })
  afterAll(() => {
    axios.defaults.httpsAgent = undefined
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  it('is got for all domains through the port of the relay itself', async () => {
    const acmeDomains = 'relay.example, other.example'
    const { port, certificate, logged, lines } = await startAcme({ acmeDomains })
    expect(certificate.healthIssue()).toBe('There is no certificate yet; the authority is being asked.')
    await expect(handshake(port)).rejects.toThrow('handshake failure')
    await logged('Certificate obtained')
    for (const name of ['relay.example', 'other.example']) {
      const { subjectAltName } = await shown(port, pebble, name)
      expect(subjectAltName?.split(', ').sort()).toEqual(['DNS:other.example', 'DNS:relay.example'])
    }
    expect(certificate.healthIssue()).toBeUndefined()
    expect(lines[0]).toMatchObject({ authority: pebble.directory, terms: expect.stringContaining('thou%20wilt') })
    // The proof is gone with the challenge.
    await expect(handshake(port, { servername: 'relay.example', ALPNProtocols: ['acme-tls/1'] })).rejects.toThrow()
  })

  it('is got through a port of its own, which is open only meanwhile', async () => {
    const [acmeHttpPort = 0] = await freePorts(1)
    pebble.httpDoor.leadTo(acmeHttpPort)
    const { port, logged } = await startAcme({ acmeChallenge: 'http-01', acmeHttpPort })
    await logged('Certificate obtained')
    expect((await shown(port, pebble)).subjectAltName).toBe('DNS:relay.example')
    await expect(fetch(`http://127.0.0.1:${acmeHttpPort}/`)).rejects.toThrow()
  })

  it('is got through the port that redirects to https, which goes on redirecting (10.40)', async () => {
    const [shared = 0] = await freePorts(1)
    const ports = { port: 0, acmeHttpPort: shared, redirectPort: shared }
    const options = optionsFor(pebble, { acmeStore: temporaryFolder(), acmeChallenge: 'http-01', ...ports })
    pebble.httpDoor.leadTo(shared)
    const relay = new Relay(options)
    const { port } = await relay.listen()
    onTestFinished(() => relay.close({ drain: 0 }))
    await vi.waitUntil(() => shown(port, pebble).catch(() => undefined), { timeout: 10_000, interval: 50 })
    const answer = await fetch(`http://127.0.0.1:${shared}/`, { redirect: 'manual' })
    expect([answer.status, answer.headers.get('location')]).toEqual([308, `https://127.0.0.1:${port}/`])
  })

  it('is kept where the relay alone may read it, and used by the next start without asking', async () => {
    const acmeStore = join(temporaryFolder(), 'deep', 'store')
    const first = await startAcme({ acmeStore })
    await first.logged('Certificate obtained')
    const { fingerprint256 } = await shown(first.port, pebble)
    const [authority = '', ...others] = readdirSync(acmeStore)
    expect(others).toEqual([])
    const files = readdirSync(join(acmeStore, authority))
    expect(files.sort()).toEqual(['account.pem', 'certificate.pem'])
    const modes = [acmeStore, ...['', ...files].map((file) => join(acmeStore, authority, file))].map(
      (path) => statSync(path).mode & 0o777,
    )
    expect(modes).toEqual([0o700, 0o700, 0o600, 0o600])

    const asked = vi.spyOn(axios, 'request')
    const second = await startAcme({ acmeStore })
    expect((await shown(second.port, pebble)).fingerprint256).toBe(fingerprint256)
    expect(second.certificate.healthIssue()).toBeUndefined()
    expect(asked).not.toHaveBeenCalled()
    expect(second.lines).toEqual([])
  })

  it('is asked for anew, with the same account, when the domains have changed', async () => {
    const acmeStore = temporaryFolder()
    await (await startAcme({ acmeStore })).logged('Certificate obtained')
    const next = await startAcme({ acmeStore, acmeDomains: 'relay.example,new.example' })
    // The old one serves those that it can meanwhile.
    await shown(next.port, pebble)
    await next.logged('Certificate obtained')
    await shown(next.port, pebble, 'new.example')
    expect(next.lines.map(({ msg }) => msg)).toEqual(['Certificate obtained'])
  })

  it('is asked for anew when what is stored is spoilt', async () => {
    const acmeStore = temporaryFolder()
    await (await startAcme({ acmeStore })).logged('Certificate obtained')
    const [authority = ''] = readdirSync(acmeStore)
    writeFileSync(join(acmeStore, authority, 'certificate.pem'), 'nonsense')
    const { lines, logged } = await startAcme({ acmeStore })
    await logged('Certificate obtained')
    expect(lines[0]?.msg).toBe('The stored certificate cannot be used')
  })

  it('refused for a name stays away, and the log and /health say why', async () => {
    const { logged, certificate } = await startAcme({ acmeDomains: 'blocked.example' })
    const { why, advice } = await logged('No new certificate')
    expect(why).toContain('forbidden by policy')
    expect(advice).toBe('See that ACME_DOMAINS has only public names that are yours.')
    expect(certificate.healthIssue()).toBe(`No new certificate could be had: ${why}`)
  })

  it('is tried again after five minutes, then ten, until the authority gets through', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const { logged, certificate, lines, port } = await startAcme()
    pebble.tlsDoor.leadTo('shut')
    const first = await logged('No new certificate')
    expect(first.why).toMatch(/^relay\.example: /)
    expect(first.advice).toContain('port 443 is open in the firewall')
    const pause = ({ retry = '' }: Line): number => (Date.parse(retry) - Date.now()) / MINUTE
    expect(pause(first)).toBeGreaterThan(3.9)
    expect(pause(first)).toBeLessThan(5.1)
    vi.advanceTimersByTime(5 * MINUTE)
    const second = await logged('No new certificate', 2)
    expect(pause(second)).toBeGreaterThan(7.9)
    pebble.tlsDoor.leadTo(port)
    vi.advanceTimersByTime(10 * MINUTE)
    await logged('Certificate obtained')
    expect(certificate.healthIssue()).toBeUndefined()
    expect(lines.filter(({ msg }) => msg === 'No new certificate')).toHaveLength(2)
  })

  describe('that could not be had, after a restart (10.37)', () => {
    const wait = 'The authority is not asked again yet'
    const requests = (): { mock: { calls: unknown[] } } => vi.spyOn(axios, 'request')

    it('is not asked for before its time, and the log says since when and what to do', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
      const acmeStore = temporaryFolder()
      const first = await startAcme({ acmeStore })
      pebble.tlsDoor.leadTo('shut')
      const { why, retry } = await first.logged('No new certificate')
      await vi.waitUntil(() => attempt(acmeStore)?.why === why)
      first.stop()

      const asked = requests()
      const second = await startAcme({ acmeStore })
      expect(second.lines).toEqual([expect.objectContaining({ msg: wait, why, retry: expect.any(String) })])
      expect(second.lines[0]?.advice).toContain(join(acmeStore, readdirSync(acmeStore)[0] ?? '', 'attempt.json'))
      expect(Math.abs(Date.parse(second.lines[0]?.retry ?? '') - Date.parse(retry ?? ''))).toBeLessThan(5000)
      expect(second.certificate.healthIssue()).toBe(`No new certificate could be had: ${why}`)
      vi.advanceTimersByTime(3 * MINUTE)
      expect(asked.mock.calls).toEqual([])
      vi.advanceTimersByTime(2 * MINUTE)
      await second.logged('Certificate obtained')
      expect(attempt(acmeStore)).toBeUndefined()
    })

    it('is later each time, also when the process was killed in the middle', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
      const acmeStore = temporaryFolder()
      for (const failures of [1, 2, 3]) {
        const acme = await startAcme({ acmeStore })
        pebble.tlsDoor.hold()
        if (failures > 1) vi.advanceTimersByTime(2 ** failures * 5 * MINUTE)
        await vi.waitUntil(() => attempt(acmeStore)?.failures === failures)
        expect(attempt(acmeStore)?.why).toBe('The last attempt was cut short.')
        acme.stop()
      }
    })

    it('is asked for at once when other options ask for it', async () => {
      const acmeStore = temporaryFolder()
      const first = await startAcme({ acmeStore, acmeDomains: 'blocked.example' })
      await first.logged('No new certificate')
      first.stop()
      const second = await startAcme({ acmeStore })
      await second.logged('Certificate obtained')
      expect(second.lines.map(({ msg }) => msg)).not.toContain(wait)
    })

    it.each([
      ['nonsense', 'nonsense'],
      [
        'a date far ahead',
        JSON.stringify({ wanted: WANTED, failures: 1, retry: '2999-01-01T00:00:00.000Z', why: 'x' }),
      ],
    ])('is asked for within six hours whatever was kept: %s', async (_, kept) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
      const acmeStore = temporaryFolder()
      const [authority = ''] = await folderOf(acmeStore)
      writeFileSync(join(acmeStore, authority, 'attempt.json'), kept)
      const { logged } = await startAcme({ acmeStore })
      vi.advanceTimersByTime(6 * 60 * MINUTE)
      await logged('Certificate obtained')
    })
  })

  it('is renewed at two thirds of its life, and the old one kept while that fails', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'], now: Date.now() })
    const { logged, certificate, lines, port } = await startAcme()
    await logged('Certificate obtained')
    const old = await shown(port, pebble)
    const day = 24 * 60 * MINUTE
    pebble.tlsDoor.leadTo('shut')
    vi.advanceTimersByTime(55 * day)
    expect(lines).toHaveLength(2)
    vi.advanceTimersByTime(5 * day)
    const { why } = await logged('No new certificate')
    expect((await shown(port, pebble)).fingerprint256).toBe(old.fingerprint256)
    expect(certificate.healthIssue()).toBe(
      `No new certificate could be had: ${why} ` +
        `The certificate in use is valid until ${new Date(old.validTo).toISOString()}.`,
    )
    pebble.tlsDoor.leadTo(port)
    vi.advanceTimersByTime(5 * MINUTE)
    await logged('Certificate obtained', 2)
    expect((await shown(port, pebble)).fingerprint256).not.toBe(old.fingerprint256)
    expect(certificate.healthIssue()).toBeUndefined()
  })

  it('is not asked for again and again by a machine whose clock is far ahead', async () => {
    const day = 24 * 60 * MINUTE
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'], now: Date.now() + 80 * day })
    const { logged, lines } = await startAcme()
    await logged('Certificate obtained')
    const asked = vi.spyOn(axios, 'request')
    vi.advanceTimersByTime(29 * day)
    expect(asked).not.toHaveBeenCalled()
    vi.advanceTimersByTime(2 * day)
    await logged('Certificate obtained', 2)
    expect(lines.map(({ msg }) => msg).slice(1)).toEqual(['Certificate obtained', 'Certificate obtained'])
  })

  it('is still served when it cannot be stored, and the log and /health say so', async () => {
    const acmeStore = temporaryFolder()
    const { logged, certificate, port } = await startAcme({ acmeStore })
    const [authority = ''] = readdirSync(acmeStore)
    // Not a file that could be replaced.
    mkdirSync(join(acmeStore, authority, 'certificate.pem'))
    await logged('Certificate not stored')
    await shown(port, pebble)
    expect(certificate.healthIssue()).toContain('a restart would have to ask for another')
  })

  it('says when the authority cannot be reached', async () => {
    const [nobody = 0] = await freePorts(1)
    const { logged } = await startAcme({ acmeDirectory: `https://127.0.0.1:${nobody}/dir` })
    const { why, advice } = await logged('No new certificate')
    expect(why).toMatch(/^The authority at https:\/\/127\.0\.0\.1:\d+\/dir cannot be reached: connect ECONNREFUSED/)
    expect(advice).toBe('See that ACME_DIRECTORY is right and that this machine may connect to it.')
  })

  it('says when the authority itself is not trusted', async () => {
    axios.defaults.httpsAgent = undefined
    onTestFinished(() => {
      axios.defaults.httpsAgent = pebble.agent
    })
    const { logged } = await startAcme()
    expect((await logged('No new certificate')).advice).toContain('NODE_EXTRA_CA_CERTS')
  })

  it('says that http-01 needs a port that is taken', async () => {
    const { port, logged } = await startAcme({ acmeChallenge: 'http-01', acmeHttpPort: pebble.httpDoor.port })
    const { why } = await logged('No new certificate')
    expect(why).toContain(`Port ${pebble.httpDoor.port} is already in use.`)
    await expect(handshake(port)).rejects.toThrow('handshake failure')
  })

  it('stops the start when the store cannot be used', async () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    await expect(startAcme({ acmeStore: file })).rejects.toThrow(/^acmeStore: files cannot be kept in .*file/)
  })
})

describe('an authority that does not answer', () => {
  it.each(['TCP', 'HTTPS'])(
    'is hung up on when the relay closes: %s',
    async (layer) => {
      const { tlsCert, tlsKey } = makeCertificate('authority')
      const [cert, key] = [readFileSync(tlsCert), readFileSync(tlsKey)]
      const authority = layer === 'TCP' ? createTcpServer() : createServer({ cert, key })
      const asked = once(authority, layer === 'TCP' ? 'connection' : 'request')
      const connected = once(authority, 'connection') as Promise<[Socket]>
      await once(authority.listen(0, '127.0.0.1'), 'listening')
      axios.defaults.httpsAgent = new Agent({ ca: cert })
      onTestFinished(() => {
        axios.defaults.httpsAgent = undefined
        authority.close()
      })
      const acmeDirectory = `https://127.0.0.1:${(authority.address() as AddressInfo).port}/dir`
      const names = { acmeDomains: ['relay.example'], acmeDirectory, acmeStore: temporaryFolder() }
      const relay = new Relay({ enableTls: true, ...names, port: 0, host: '127.0.0.1', logLevel: 'silent' })
      await relay.listen()
      await asked
      const [socket] = await connected
      const cut = once(socket.on('error', () => {}).resume(), 'close')
      const order = vi.spyOn(axios, 'request')
      onTestFinished(() => order.mockRestore())
      await relay.close({ drain: 0 })
      await cut
      expect(order).not.toHaveBeenCalled()
    },
    15_000,
  )
})

describeWithPebble('a relay without a certificate yet (10.37)', () => {
  it('is starting in /health, with 503, until it has one', async () => {
    const authority = await startPebble()
    axios.defaults.httpsAgent = authority.agent
    onTestFinished(async () => {
      await authority.stop()
      axios.defaults.httpsAgent = undefined
    })
    const relay = new Relay({ ...optionsFor(authority, { acmeStore: temporaryFolder() }), port: 0, adminPort: 0 })
    const { port } = await relay.listen()
    onTestFinished(() => relay.close({ drain: 0 }))
    const health = async (): Promise<unknown[]> => {
      const answer = await fetch(`http://127.0.0.1:${relay.adminAddress?.port}/health`)
      const { status, reasons } = (await answer.json()) as { status: string; reasons?: string[] }
      return [answer.status, status, reasons]
    }
    expect(await health()).toEqual([503, 'starting', ['There is no certificate yet; the authority is being asked.']])
    expect(await relay.metrics()).toMatch(/^baton_certificate_expiry_timestamp_seconds nan$/im)
    const check = spawn(process.execPath, ['deploy/health.js'], {
      env: { ENABLE_TLS: 'true', HOST: '127.0.0.1', PORT: String(port) },
    })
    expect(await text(check.stdout)).toBe('starting: there is no certificate yet\n')
    expect(check.exitCode ?? (await once(check, 'exit'))[0]).toBe(1)
    authority.tlsDoor.leadTo(port)
    await vi.waitUntil(async () => isDeepStrictEqual(await health(), [200, 'healthy', undefined]), { timeout: 10_000 })
    expect(await relay.metrics()).toMatch(/^baton_certificate_expiry_timestamp_seconds \d+$/m)
  })
})

describeWithPebble('a relay with certificates that live for six seconds', () => {
  let hasty: Pebble

  beforeAll(async () => {
    hasty = await startPebble({ life: 6 })
    axios.defaults.httpsAgent = hasty.agent
    return () => hasty.stop()
  })

  it('renews them without a word to those who talk, and says in /health when it cannot', async () => {
    const relay = new Relay({ ...optionsFor(hasty, { acmeStore: temporaryFolder() }), port: 0 })
    const { port } = await relay.listen()
    hasty.tlsDoor.leadTo(port)
    onTestFinished(() => relay.close({ drain: 0 }))
    // On a busy machine a certificate may run out before the next one is there: what is tried here is not the date.
    const options = { rejectUnauthorized: false, servername: 'relay.example' }
    const served = async (): Promise<string> => {
      const socket = await handshake(port, { servername: 'relay.example', ALPNProtocols: ['http/1.1'] })
      return socket.getPeerX509Certificate()?.fingerprint256 ?? ''
    }
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`wss://127.0.0.1:${port}/raw/doc`, options)
      onTestFinished(() => socket.terminate())
      await once(socket, 'open')
      return socket
    }
    const wait = { timeout: PATIENCE, interval: 50 }
    const first = await vi.waitUntil(() => served().catch(() => undefined), wait)
    const [ann, ben] = [await open(), await open()]
    let said = 0
    const talk = async (): Promise<void> => {
      const heard = once(ben, 'message')
      ann.send(String(++said))
      expect(String((await heard)[0])).toBe(String(said))
    }
    const renewed = async (): Promise<boolean> => {
      await talk()
      return (await served()) !== first
    }
    await vi.waitUntil(renewed, wait)
    await talk()
    expect([ann.readyState, ben.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN])
    await (await open()).close()

    hasty.tlsDoor.leadTo('shut')
    const degraded = async (): Promise<unknown> => {
      const socket = await handshake(port, { ALPNProtocols: ['http/1.1'] })
      socket.write('GET /health HTTP/1.1\r\nHost: relay.example\r\nConnection: close\r\n\r\n')
      const text = (await socket.setEncoding('utf8').toArray()).join('')
      expect(text).toMatch(/^HTTP\/1\.1 200 OK/)
      expect(text).not.toContain('"status": "starting"')
      // It may be degraded for its date before the authority has refused.
      return text.includes('No new certificate') && text
    }
    const health = await vi.waitUntil(degraded, wait)
    expect(health).toContain('"status": "degraded"')
    expect(health).toMatch(
      /"No new certificate could be had: relay\.example: .* valid until \d{4}-\d\d-\d\dT[\d:.]+Z\."/,
    )
  })
})
