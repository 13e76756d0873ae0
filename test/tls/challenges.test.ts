import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { crypto } from 'acme-client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { TlsAlpnChallenges } from '../../src/tls/challenges.js'
import { handshake, makeCertificate } from '../support/certificate.js'

const AUTHORIZATION = {
  url: '',
  identifier: { type: 'dns', value: 'relay.example' },
  status: 'pending' as const,
  challenges: [],
}
const AUTHORITY = { servername: 'relay.example', ALPNProtocols: ['acme-tls/1'] }

async function start(): Promise<{ challenges: TlsAlpnChallenges; port: number; begin(): Promise<void> }> {
  const challenges = new TlsAlpnChallenges(crypto)
  const { tlsCert, tlsKey } = makeCertificate('the relay')
  const credentials = { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) }
  const server = createServer({ ...credentials, ...challenges.options }, (_, response) => response.end('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close().closeAllConnections())
  return { challenges, port: (server.address() as AddressInfo).port, begin: () => challenges.begin(server) }
}

describe('tls-alpn-01', () => {
  it('shows the proof to an authority, hangs up at once, and shows all others the certificate', async () => {
    const { challenges, port, begin } = await start()
    await begin()
    await challenges.add(AUTHORIZATION, 'token', 'token.thumbprint')
    const authority = await handshake(port, AUTHORITY)
    expect(authority.alpnProtocol).toBe('acme-tls/1')
    const proof = authority.getPeerX509Certificate()?.toString() ?? ''
    expect(crypto.isAlpnCertificateAuthorizationValid(proof, 'token.thumbprint')).toBe(true)
    authority.resume()
    await once(authority, 'close')
    for (const ALPNProtocols of [['http/1.1'], ['h2', 'http/1.1'], undefined]) {
      const client = await handshake(port, { servername: 'relay.example', ALPNProtocols })
      expect(client.getPeerCertificate().subject.CN).toBe('the relay')
    }
  })

  it('knows nothing of acme-tls/1 for other names, before and after', async () => {
    const { challenges, port, begin } = await start()
    await expect(handshake(port, AUTHORITY)).rejects.toThrow('no application protocol')
    await begin()
    await challenges.add(AUTHORIZATION, 'token', 'token.thumbprint')
    await expect(handshake(port, { ...AUTHORITY, servername: 'other.example' })).rejects.toThrow(
      'no application protocol',
    )
    await challenges.end()
    await expect(handshake(port, AUTHORITY)).rejects.toThrow('no application protocol')
  })
})
