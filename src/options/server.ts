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
  port: described(count(65_535).optional(), {
    env: 'PORT',
    group: 'Server',
    value: 'number',
    description: `TCP port to listen on; 0 lets the system choose one. ${PORT} if left out, ${TLS_PORT} with TLS.`,
  }),
  host: described(text('an address').default(''), {
    env: 'HOST',
    group: 'Server',
    value: 'text',
    description: 'Address to listen on; empty means all, IPv4 and IPv6.',
  }),
  dialects: described(dialects.default([...dialectNames]), {
    env: 'DIALECTS',
    group: 'Server',
    value: 'list',
    description: 'Which wire protocols to serve, separated by commas.',
  }),
  landingPage: described(flag.default(true), {
    env: 'LANDING_PAGE',
    group: 'Server',
    value: 'boolean',
    description: 'Serve the page at `/` on which a visitor can try the relay; without it `/` is not found (404).',
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

/** What is wrong with ports taken together: two servers cannot have the same. 0 is a port that the system chooses. */
export function portProblems(given: Ports): OptionProblem[] {
  const { port, adminPort, redirectPort, acmeDomains, acmeChallenge } = given
  const acmeHttpPort = acmeDomains.length > 0 && acmeChallenge === 'http-01' ? given.acmeHttpPort : undefined
  // `redirectPort` and `acmeHttpPort` may be one: the same server answers both.
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
