import type { Logger } from '../observability/logger.js'
import type { Settings } from '../options/index.js'
import { createAcmeCertificate } from './acme.js'
import type { Certificate } from './certificate.js'
import { CertificateFiles } from './certificate-files.js'
import type { PlainHttp } from './plain-http.js'
import { selfSigned } from './self-signed.js'

/**
 * Creates the certificate that the options require.
 *
 * @param plain The server on which an authority may request proofs.
 * @throws {OptionsError} If its files or its store cannot be used, or a package is not installed.
 */
export async function createCertificate(settings: Settings, log: Logger, plain: PlainHttp): Promise<Certificate> {
  if (settings.acmeDomains.length > 0) return await createAcmeCertificate(settings, log, plain)
  if (settings.tlsCert !== '') return new CertificateFiles(settings, log)
  return await selfSigned(settings, log)
}
