import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { Logger } from '../observability/logger.js'
import type { Settings } from '../options/index.js'
import { loadOptional } from '../options/optional-package.js'
import { type Certificate, HTTP_1_1, SECURE } from './certificate.js'
import { validityOf } from './validity.js'

const YEAR = 365 * 24 * 3_600_000

/**
 * A certificate that the relay makes for itself at each start, to try things out.
 *
 * @throws {OptionsError} If the package that makes it is missing.
 */
export async function selfSigned({ host }: Settings, log: Logger): Promise<Certificate> {
  const { generate } = await loadOptional('enableTls', 'selfsigned', () => import('selfsigned'))
  const names = new Set(['localhost', '127.0.0.1', '::1', hostname(), ...(host && [host])])
  const altNames = [...names].map((name) =>
    isIP(name) ? ({ type: 7, ip: name } as const) : ({ type: 2, value: name } as const),
  )
  const made = await generate([{ name: 'commonName', value: 'Baton, self-signed' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + YEAR),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  })
  const certificate = new X509Certificate(made.cert)
  log.warn(
    { names: [...names], fingerprint: certificate.fingerprint256 },
    'SELF-SIGNED CERTIFICATE: browsers warn of it, and no client can tell this relay from an impostor. Not for production',
  )
  return {
    options: { ...SECURE, ALPNProtocols: [HTTP_1_1], cert: made.cert, key: made.private },
    validity: validityOf(certificate),
    serve: () => () => {},
    healthIssue: () => undefined,
  }
}
