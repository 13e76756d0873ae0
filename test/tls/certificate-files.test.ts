import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { TLSSocket } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Relay, type RelayOptions } from '../../src/index.js'
import { parseOptions } from '../../src/options/index.js'
import { CertificateFiles } from '../../src/tls/certificate-files.js'
import { type CertificateFiles as Files, handshake, makeCertificate, temporaryFolder } from '../support/certificate.js'
import { startCommand } from '../support/command.js'

/** The files as the command is told of them. */
function variables({ tlsCert, tlsKey }: Files): Record<string, string> {
  return { TLS_CERT: tlsCert, TLS_KEY: tlsKey }
}

async function startTlsRelay(files: Files, options: RelayOptions = {}): Promise<number> {
  const relay = new Relay({ enableTls: true, ...files, port: 0, host: '127.0.0.1', logLevel: 'silent', ...options })
  const { port } = await relay.listen()
  onTestFinished(() => relay.close({ drain: 0 }))
  return port
}

describe('a private key that every user may read (10.35)', () => {
  it.skipIf(process.platform === 'win32')('is told of at the start, and one that few may read is not', async () => {
    const files = makeCertificate('one')
    const lines: string[] = []
    const log = pino({ base: null }, { write: (line) => void lines.push(line) })
    const settings = parseOptions({ enableTls: true, ...files })
    for (const [mode, expected] of [
      [0o600, 0],
      [0o640, 0],
      [0o644, 1],
      [0o444, 1],
    ] as const) {
      lines.length = 0
      chmodSync(files.tlsKey, mode)
      expect(new CertificateFiles(settings, log).healthIssue()).toBeUndefined()
      expect(lines).toHaveLength(expected)
    }
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 40,
      file: files.tlsKey,
      msg: 'Every user of this machine may read the private key: chmod o-r',
    })
  })
})

describe('TLS', () => {
  it('logs why a handshake failed in one clean line', async () => {
    const { child, port, log } = await startCommand({
      ENABLE_TLS: 'true',
      NODE_ENV: 'production',
      ...variables(makeCertificate('one')),
    })
    const stranger = connectPlain(port, '127.0.0.1')
    stranger.on('error', () => {}).end('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(stranger.resume(), 'close')
    child.kill()
    await once(child, 'close')
    const line =
      log()
        .split('\n')
        .find((each) => each.includes('Handshake failed')) ?? '{}'
    expect(JSON.parse(line)).toMatchObject({ reason: 'tls', why: 'http request' })
  })

  it('logs which new files cannot be used, and no name of an option that the user may not know', () => {
    const files = makeCertificate('one')
    const lines: string[] = []
    const log = pino({ base: null }, { write: (line) => void lines.push(line) })
    const certificate = new CertificateFiles(parseOptions({ enableTls: true, ...files }), log)
    onTestFinished(certificate.serve({ setSecureContext: vi.fn() } as never))
    rmSync(files.tlsKey)
    writeFileSync(files.tlsCert, 'nonsense')
    certificate.reload()
    const { msg, why } = JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>
    expect(msg).toBe('Certificate not reloaded')
    expect(why).toBe(
      `${files.tlsCert} holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----; ` +
        `there is no file ${files.tlsKey}`,
    )
  })

  it('takes files that were changed between their reading and the first look at them', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const files = makeCertificate('before')
    const messages: string[] = []
    const write = (line: string): void => void messages.push((JSON.parse(line) as { msg: string }).msg)
    const certificate = new CertificateFiles(parseOptions({ enableTls: true, ...files }), pino({}, { write }))
    makeCertificate('after', dirname(files.tlsCert))
    const setSecureContext = vi.fn()
    onTestFinished(certificate.serve({ setSecureContext } as never))
    vi.advanceTimersByTime(5000)
    expect(messages).toEqual(['Certificate reloaded'])
    expect(setSecureContext).toHaveBeenCalledWith(expect.objectContaining({ cert: readFileSync(files.tlsCert) }))
  })

  it('has files to read again as soon as there is a relay, so that SIGHUP never ends one that starts (10.3)', () => {
    expect(new Relay({ enableTls: true, ...makeCertificate('one'), logLevel: 'silent' }).reloadCertificate()).toBe(true)
    expect(new Relay({ logLevel: 'silent' }).reloadCertificate()).toBe(false)
  })

  it('carries conversations and pages', async () => {
    const files = makeCertificate('one')
    const port = await startTlsRelay(files)
    const ca = readFileSync(files.tlsCert)
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`wss://localhost:${port}/raw/doc`, { ca, family: 4 })
      await once(socket, 'open')
      return socket
    }
    const [a, b] = [await open(), await open()]
    // More than a TLS record, and enough to be cut into several writes.
    const text = 'x'.repeat(500_000)
    const heard = once(b, 'message')
    a.send(text)
    expect(String((await heard)[0])).toBe(text)
    for (const socket of [a, b]) socket.terminate()
  })

  it('counts clients that do not speak it', async () => {
    const port = await startTlsRelay(makeCertificate('one'))
    const stranger = connectPlain(port, '127.0.0.1')
    stranger.on('error', () => {}).end('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(stranger.resume(), 'close')
    const scraper = await handshake(port)
    scraper.write('GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await text(scraper)).toContain('\nbaton_handshakes_failed_total{reason="tls"} 1\n')
  })

  it('costs nothing for a client that may not connect', async () => {
    const port = await startTlsRelay(makeCertificate('one'), { denyNetworks: '127.0.0.2', adminPort: 0 })
    const created = vi.spyOn(TLSSocket.prototype, 'on')
    onTestFinished(() => created.mockRestore())
    const denied = connectPlain({ port, host: '127.0.0.1', localAddress: '127.0.0.2' })
    denied.on('error', () => {}).write('x')
    await once(denied.resume(), 'close')
    expect(created).not.toHaveBeenCalled()
  })

  it('sends all members the same bytes, copied for none that keeps up', async () => {
    const port = await startTlsRelay(makeCertificate('one'))
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(`wss://127.0.0.1:${port}/raw/doc`, { rejectUnauthorized: false })
      await once(socket, 'open')
      return socket
    }
    const [sender, ...readers] = [await open(), await open(), await open()]
    const copies = vi.spyOn(Buffer, 'allocUnsafeSlow')
    onTestFinished(() => copies.mockRestore())
    for (let i = 0; i < 50; i++) {
      const heard = readers.map((reader) => once(reader, 'message'))
      sender.send(String(i))
      await Promise.all(heard)
    }
    expect(copies).not.toHaveBeenCalled()
    for (const socket of [sender, ...readers]) socket.terminate()
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is spoken as %s, with HTTP/1.1', async (version) => {
    const port = await startTlsRelay(makeCertificate('one'))
    const options = { minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] }
    const socket = await handshake(port, options)
    expect(socket.getProtocol()).toBe(version)
    expect(socket.alpnProtocol).toBe('http/1.1')
  })

  it('refuses TLS 1.1, plain text and a handshake that does not end', async () => {
    const port = await startTlsRelay(makeCertificate('one'), { joinTimeout: 100 })
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
    await expect(handshake(port, old)).rejects.toThrow()
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow()
    const silent = connectPlain(port, '127.0.0.1')
    silent.on('error', () => {})
    await once(silent, 'close')
  })

  it('takes new files without closing a connection, and says so while they are bad', { timeout: 30_000 }, async () => {
    const files = makeCertificate('one')
    const port = await startTlsRelay(files)
    const socket = new WebSocket(`wss://127.0.0.1:${port}/raw/doc`, { rejectUnauthorized: false })
    await once(socket, 'open')
    const now = async (): Promise<unknown[]> => {
      const connection = await handshake(port)
      connection.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
      const name = connection.getPeerCertificate().subject.CN
      const text = (await connection.setEncoding('utf8').toArray()).join('')
      const { status, reasons } = JSON.parse(text.slice(text.indexOf('{'))) as Record<string, unknown>
      return [name, status, reasons]
    }
    const becomes = (...state: unknown[]): Promise<boolean> =>
      vi.waitUntil(async () => isDeepStrictEqual(await now(), state), { timeout: 12_000, interval: 100 })
    await becomes('one', 'healthy', undefined)
    writeFileSync(files.tlsCert, 'nonsense')
    await becomes('one', 'degraded', [
      "The certificate's files have changed and cannot be used; the old one is still served.",
    ])
    const other = makeCertificate('two')
    writeFileSync(files.tlsKey, readFileSync(other.tlsKey))
    writeFileSync(files.tlsCert, readFileSync(other.tlsCert))
    await becomes('two', 'healthy', undefined)
    expect(socket.readyState).toBe(WebSocket.OPEN)
    socket.terminate()
  })

  it('is spoken with forward secrecy and authenticated encryption alone', async () => {
    const port = await startTlsRelay(makeCertificate('one'))
    const old = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:AES128-GCM-SHA256' }
    await expect(handshake(port, old)).rejects.toThrow()
    const good = await handshake(port, { ...old, ciphers: `${old.ciphers}:ECDHE-ECDSA-AES128-GCM-SHA256` })
    expect(good.getCipher().name).toBe('ECDHE-ECDSA-AES128-GCM-SHA256')
  })
})

describe('the files of a certificate', () => {
  const here = new URL(import.meta.url).pathname

  it.each([
    ['tlsCert: there is no file /nowhere/cert.pem', { tlsCert: '/nowhere/cert.pem' }],
    ['tlsKey: /tmp is a folder', { tlsKey: '/tmp' }],
    [`tlsCert: ${here} holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----`, { tlsCert: here }],
    [`tlsKey: ${here} holds no private key in PEM, `, { tlsKey: here }],
    ['tlsCert: there is no file /a\ntlsKey: there is no file /b', { tlsCert: '/a', tlsKey: '/b' }],
  ])('stop the start with what is wrong with each: %s', async (message, wrong) => {
    const files = makeCertificate('one')
    await expect(startTlsRelay({ ...files, ...wrong })).rejects.toThrow(message)
  })

  it('stop the start when the key belongs to another certificate', async () => {
    const { tlsCert } = makeCertificate('one')
    const { tlsKey } = makeCertificate('two')
    const message = `tlsKey: the key in ${tlsKey} does not belong to the first certificate in ${tlsCert}`
    await expect(startTlsRelay({ tlsCert, tlsKey })).rejects.toThrow(message)
  })

  it('stop the start when the key has a passphrase', async () => {
    const { tlsCert, tlsKey } = makeCertificate('one')
    const locked = join(temporaryFolder(), 'locked.pem')
    execFileSync('openssl', ['pkey', '-in', tlsKey, '-aes256', '-passout', 'pass:secret', '-out', locked])
    await expect(startTlsRelay({ tlsCert, tlsKey: locked })).rejects.toThrow(
      `tlsKey: the key in ${locked} has a passphrase`,
    )
  })

  it('stop the start when OpenSSL would not serve them', async () => {
    const folder = temporaryFolder()
    const files = { tlsCert: join(folder, 'weak.pem'), tlsKey: join(folder, 'weak.key') }
    const weak = ['-newkey', 'rsa:512', '-nodes', '-keyout', files.tlsKey, '-out', files.tlsCert]
    execFileSync('openssl', ['req', '-x509', ...weak, '-subj', '/CN=weak', '-days', '2'], { stdio: 'ignore' })
    await expect(startTlsRelay(files)).rejects.toThrow(/^tlsCert: .*weak\.pem cannot be served: ee key too small$/)
  })
})
