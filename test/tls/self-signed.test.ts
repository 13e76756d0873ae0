import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { parseOptions } from '../../src/options/index.js'
import { loadOptional } from '../../src/options/optional-package.js'
import { createCertificate } from '../../src/tls/create-certificate.js'
import { PlainHttp } from '../../src/tls/plain-http.js'
import { handshake } from '../support/certificate.js'

it('outside production, without a certificate, one is made that names this machine, and the log says so loudly', async () => {
  const lines: Record<string, unknown>[] = []
  const log = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) })
  const settings = parseOptions({ enableTls: true, host: 'relay.test' })
  const plain = new PlainHttp(settings, { limited() {}, failed() {}, acceptFailed() {} })
  const certificate = await createCertificate(settings, log, plain)
  const server = createServer(certificate.options)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close().closeAllConnections())
  const socket = await handshake((server.address() as AddressInfo).port)
  const shown = socket.getPeerX509Certificate() as X509Certificate
  expect(shown.checkHost('localhost')).toBe('localhost')
  expect(shown.checkHost('relay.test')).toBe('relay.test')
  expect(shown.checkIP('127.0.0.1')).toBe('127.0.0.1')
  expect(shown.checkIP('::1')).toBe('::1')
  expect(Date.parse(shown.validTo) - Date.now()).toBeGreaterThan(360 * 24 * 3_600_000)
  expect(lines).toMatchObject([
    { level: 40, msg: expect.stringMatching(/^SELF-SIGNED/), fingerprint: shown.fingerprint256 },
  ])
  // Who trusts just this certificate gets in.
  await handshake((server.address() as AddressInfo).port, {
    ca: shown.toString(),
    rejectUnauthorized: true,
    servername: 'localhost',
  })
})

it('a package that is not installed is named, with how to get it', async () => {
  const missing = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code: 'ERR_MODULE_NOT_FOUND' }))
  await expect(loadOptional('acmeDomains', 'acme-client', missing)).rejects.toThrow(
    'acmeDomains: needs a package that is not installed: npm install acme-client',
  )
  await expect(loadOptional('acmeDomains', 'acme-client', () => Promise.reject(new Error('broken')))).rejects.toThrow(
    'broken',
  )
})
