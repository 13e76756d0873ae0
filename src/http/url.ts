import { isIPv6 } from 'node:net'
import type { Settings } from '../options/index.js'

/** The URL to open: with the name of the certificate, the host it listens on, or `localhost` if that is all addresses. */
export function urlFor(
  {
    enableTls = false,
    acmeDomains = [],
    host,
  }: Pick<Settings, 'host'> & Partial<Pick<Settings, 'enableTls' | 'acmeDomains'>>,
  port: number,
): string {
  const [domain] = acmeDomains
  const everywhere = host === '' || host === '0.0.0.0' || host === '::'
  const name = domain ?? (everywhere ? 'localhost' : isIPv6(host) ? `[${host}]` : host)
  // Leaves out the port that the scheme implies.
  return new URL(`http${enableTls ? 's' : ''}://${name}:${port}`).origin
}
