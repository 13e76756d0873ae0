import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect, type TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Relay, type RelayOptions } from '../../src/index.js'

interface Files {
  tlsCert: string
  tlsKey: string
}

/** Makes a certificate for `localhost` under a name of its own, in a folder that is gone after the test. */
function makeCertificate(name: string, folder = mkdtempSync(join(tmpdir(), 'baton-'))): Files {
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const files = { tlsCert: join(folder, 'cert.pem'), tlsKey: join(folder, 'key.pem') }
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost', '-days', '2']
  const out = ['-keyout', files.tlsKey, '-out', files.tlsCert]
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...out], { stdio: 'ignore' })
  return files
}

async function startTlsRelay(files: Files, options: RelayOptions = {}): Promise<number> {
  const relay = new Relay({ enableTls: true, ...files, port: 0, host: '127.0.0.1', logLevel: 'silent', ...options })
  const { port } = await relay.listen()
  onTestFinished(() => relay.close({ drain: 0 }))
  return port
}

/** Opens a TLS connection, and tells what was agreed on. */
async function handshake(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

describe('TLS', () => {
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
    const stranger = connectTcp(port, '127.0.0.1')
    stranger.on('error', () => {}).end('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(stranger.resume(), 'close')
    const scraper = await handshake(port)
    scraper.write('GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await text(scraper)).toContain('\nbaton_handshakes_failed_total{reason="tls"} 1\n')
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
    const { connect: connectPlain } = await import('node:net')
    const silent = connectPlain(port, '127.0.0.1')
    silent.on('error', () => {})
    await once(silent, 'close')
  })

  it('takes a new certificate when the files change, without closing a connection', async () => {
    const files = makeCertificate('one')
    const port = await startTlsRelay(files)
    const socket = new WebSocket(`wss://127.0.0.1:${port}/raw/doc`, { rejectUnauthorized: false })
    await once(socket, 'open')
    const nameNow = async (): Promise<unknown> => {
      const connection = await handshake(port)
      return connection.getPeerCertificate().subject.CN
    }
    expect(await nameNow()).toBe('one')
    // What is not a certificate changes nothing.
    writeFileSync(files.tlsCert, 'nonsense')
    const other = makeCertificate('two')
    writeFileSync(files.tlsKey, readFileSync(other.tlsKey))
    writeFileSync(files.tlsCert, readFileSync(other.tlsCert))
    await vi.waitUntil(async () => (await nameNow()) === 'two', { timeout: 15_000, interval: 100 })
    expect(socket.readyState).toBe(WebSocket.OPEN)
    socket.terminate()
  })

  it.each([
    ['tlsCert: cannot be used: ENOENT', { tlsCert: '/nowhere/cert.pem' }],
    ['tlsKey: cannot be used: ENOENT', { tlsKey: '/nowhere/key.pem' }],
    ['tlsCert: cannot be used: ', { tlsCert: new URL(import.meta.url).pathname }],
    ['tlsKey: cannot be used: ', { tlsKey: new URL(import.meta.url).pathname }],
  ])('does not start with a file that is wrong: %s', async (message, wrong) => {
    const files = makeCertificate('one')
    await expect(startTlsRelay({ ...files, ...wrong })).rejects.toThrow(message)
  })

  it("does not start with another certificate's key", async () => {
    const { tlsCert } = makeCertificate('one')
    const { tlsKey } = makeCertificate('two')
    await expect(startTlsRelay({ tlsCert, tlsKey })).rejects.toThrow('tlsKey: cannot be used: ')
  })
})
