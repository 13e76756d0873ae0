import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'

export interface CertificateFiles {
  tlsCert: string
  tlsKey: string
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'baton-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Makes a certificate for `localhost` and 127.0.0.1, under a name of its own. */
export function makeCertificate(name: string, folder = temporaryFolder()): CertificateFiles {
  const files = { tlsCert: join(folder, 'cert.pem'), tlsKey: join(folder, 'key.pem') }
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  const subject = ['-subj', `/CN=${name}`, '-addext', names, '-days', '2']
  const out = ['-keyout', files.tlsKey, '-out', files.tlsCert]
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...out], { stdio: 'ignore' })
  return files
}

/** Opens a TLS connection that trusts everybody unless told otherwise; it is cut at the end of the test. */
export async function handshake(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  // A relay that stops cuts what is left. Without a listener the reset would fail whichever test runs then.
  socket.on('error', () => {})
  return socket
}
