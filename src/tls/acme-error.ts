import { ListenError } from '../http/listen.js'

/** Why there is no new certificate, in words for the operator. */
export class AcmeError extends Error {
  /** What to do about it. */
  readonly advice: string

  constructor(message: string, advice: string) {
    super(message)
    this.name = 'AcmeError'
    this.advice = advice
  }
}

/** What an authority reports about a failed challenge, RFC 8555 section 6.7. */
export interface AcmeProblem {
  readonly type?: string
  readonly detail?: string
}

/** Why the authority could not verify a domain. */
export function refusalOf(domain: string, port: number, { type = '', detail = '' }: AcmeProblem): AcmeError {
  const kind = type.slice(type.lastIndexOf(':') + 1)
  const advice: Readonly<Record<string, string>> = {
    connection:
      `See that ${domain} leads to this machine, that port ${port} is open in the firewall, ` +
      'and that a router or container hands it on to the relay.',
    dns: `Make a DNS record (A or AAAA) for ${domain} that leads to this machine. A new one takes a while to be known.`,
    caa: `The CAA records of ${domain} let other authorities alone issue certificates: add this one.`,
    unauthorized:
      `Something else answers for ${domain} on port ${port}. See that its DNS record, IPv6 too, leads to this machine ` +
      'and that no proxy or CDN stands in between.',
  }
  // Authorities use different words for it.
  const key = /connect|refused|reset|time(d )?out/i.test(detail) ? 'connection' : (SAME[kind] ?? kind)
  return new AcmeError(`${domain}: ${detail || kind}`, advice[key] ?? SEE_AUTHORITY)
}

const SAME: Readonly<Record<string, string>> = { incorrectResponse: 'unauthorized', tls: 'unauthorized' }

const SEE_AUTHORITY = "The words are the authority's own; its documentation says what they mean."

/** What authorities report about a whole order. acme-client passes on the words but drops the type. */
const ORDERS: readonly (readonly [RegExp, string])[] = [
  [
    /too many|rate limit/i,
    'Wait as long as it says; starting again does not help. To try things out, set ACME_DIRECTORY to ' +
      'https://acme-staging-v02.api.letsencrypt.org/directory, whose limits are generous.',
  ],
  [
    /policy|cannot issue|not end with a valid public suffix/i,
    'See that ACME_DOMAINS has only public names that are yours.',
  ],
  [/external account/i, 'This authority wants an account made beforehand, which Baton cannot use. Choose another.'],
  [/contact|e-?mail/i, 'Set ACME_EMAIL to an address of yours that gets mail.'],
]

/** Explains the error that stopped an order. */
export function explain(error: unknown, directory: string): AcmeError {
  if (error instanceof AcmeError) return error
  if (error instanceof ListenError) return new AcmeError(error.message, 'http-01 needs this port while it proves.')
  const { code, message } = error as NodeJS.ErrnoException
  const said = message || code || String(error)
  if (code !== undefined) {
    const certificate = /CERT|ISSUER|SIGNATURE/.test(code)
    return new AcmeError(
      `The authority at ${directory} cannot be reached: ${said}`,
      certificate
        ? "Its own certificate is not trusted here: see that this machine's clock is right, and for an authority of your own set NODE_EXTRA_CA_CERTS to its root."
        : 'See that ACME_DIRECTORY is right and that this machine may connect to it.',
    )
  }
  const [, advice = SEE_AUTHORITY] = ORDERS.find(([words]) => words.test(said)) ?? []
  return new AcmeError(said, advice)
}
