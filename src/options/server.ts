import { z } from 'zod'
import { dialectNames } from '../dialects/dialect.js'
import { count, described, flag, type OptionProblem, text } from './fields.js'

export const PORT = 3000
export const TLS_PORT = 443

const dialectsError = `must name one or more of ${dialectNames.join(', ')}`
const dialectList = z.array(z.enum(dialectNames)).min(1, { error: dialectsError })
const dialects = z.union(
  [
    dialectList,
    z
      .string()
      .transform((text) => text.split(',').map((name) => name.trim()))
      .pipe(dialectList),
  ],
  { error: dialectsError },
)

export const server = {
  /**
   * TCP port to listen on; 0 lets the system choose one. If left out, 3000, or 443 with TLS.
   */
  port: described(count(65_535).optional(), {
    value: 'number',
    description: `TCP port to listen on; 0 lets the system choose one. If left out, ${PORT}, or ${TLS_PORT} with TLS.`,
  }),
  /**
   * Address to listen on. Empty means all, IPv4 and IPv6.
   *
   * @default empty
   */
  host: described(text('an address').default(''), {
    value: 'text',
    description: 'Address to listen on. Empty means all, IPv4 and IPv6.',
  }),
  /**
   * Wire protocols to serve, separated by commas.
   *
   * An array, or text with commas between the items.
   *
   * @default impossible-writer, pluresdb, y-webrtc, opaque
   */
  dialects: described(dialects.default([...dialectNames]), {
    value: 'list',
    description: 'Wire protocols to serve, separated by commas.',
  }),
  /**
   * Serve the page at `/` on which a visitor can try the relay. Without it `/` is not found (404).
   *
   * @default true
   */
  landingPage: described(flag.default(true), {
    value: 'boolean',
    description: 'Serve the page at `/` on which a visitor can try the relay. Without it `/` is not found (404).',
  }),
}

interface Ports {
  port: number
  adminPort?: number | undefined
  redirectPort?: number | undefined
  acmeDomains: readonly string[]
  acmeChallenge: string
  acmeHttpPort: number
}

/** Problems of ports: two servers cannot have the same. 0 is a port that the system chooses. */
export function portProblems(given: Ports): OptionProblem[] {
  const { port, adminPort, redirectPort, acmeDomains, acmeChallenge } = given
  const acmeHttpPort = acmeDomains.length > 0 && acmeChallenge === 'http-01' ? given.acmeHttpPort : undefined
  // `redirectPort` and `acmeHttpPort` may be the same, because one server answers both.
  const pairs = [
    ['adminPort', adminPort, 'port', port],
    ['redirectPort', redirectPort, 'port', port],
    ['redirectPort', redirectPort, 'adminPort', adminPort],
    ['acmeHttpPort', acmeHttpPort, 'port', port],
    ['acmeHttpPort', acmeHttpPort, 'adminPort', adminPort],
  ] as const
  return pairs.flatMap(([option, one, other, another]) =>
    one !== undefined && one !== 0 && one === another
      ? [{ option, problem: `must not be the same port as {${other}}` }]
      : [],
  )
}
