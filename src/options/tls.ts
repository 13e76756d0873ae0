import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { z } from 'zod'
import { count, described, flag, type OptionProblem, oneOf, text } from './fields.js'
import { isProduction } from './log.js'

const domainsError = 'must be one or more domain names separated by commas, no addresses, no wildcards'
const NAME = /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/

const domains = z.union([z.array(z.string()), z.string()], { error: domainsError }).transform((given, context) => {
  const written = typeof given === 'string' ? given.split(',') : given
  const names = new Set(written.map((name) => domainToASCII(name.trim())))
  if ([...names].every((name) => NAME.test(name) && isIP(name) === 0)) return [...names]
  context.addIssue({ code: 'custom', message: domainsError })
  return z.NEVER
})

export const tls = {
  /**
   * Use TLS (wss and https), with the certificate of `tlsCert`, with one from an authority for `acmeDomains`, or
   * outside production with a self-signed one.
   *
   * @default false
   */
  enableTls: described(flag.default(false), {
    value: 'boolean',
    description:
      'Use TLS (wss and https), with the certificate of `TLS_CERT`, with one from an authority for `ACME_DOMAINS`, or outside production with a self-signed one.',
  }),
  /**
   * File of the certificate and its chain, in PEM. The relay reads it again when it changes, without closing a
   * connection.
   *
   * @default empty
   */
  tlsCert: described(text('a path').default(''), {
    value: 'file',
    description:
      'File of the certificate and its chain, in PEM. The relay reads it again when it changes, without closing a connection.',
  }),
  /**
   * File of the certificate's private key, in PEM.
   *
   * @default empty
   */
  tlsKey: described(text('a path').default(''), {
    value: 'file',
    description: "File of the certificate's private key, in PEM.",
  }),
  /**
   * Domain names, separated by commas. The relay gets one certificate for them from `acmeDirectory` and renews it. By
   * setting this you agree to the terms of service of that authority.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  acmeDomains: described(domains.default([]), {
    value: 'list',
    description:
      'Domain names, separated by commas. The relay gets one certificate for them from `ACME_DIRECTORY` and renews it. By setting this you agree to the terms of service of that authority.',
  }),
  /**
   * Address where the authority can reach you. Some require one; Let's Encrypt does not.
   *
   * @default empty
   */
  acmeEmail: described(
    text('a text')
      .regex(/^$|^[^\s@,]+@[^\s@,]+$/, { error: 'must be one e-mail address' })
      .default(''),
    {
      value: 'text',
      description: "Address where the authority can reach you. Some require one; Let's Encrypt does not.",
    },
  ),
  /**
   * Directory URL of the authority, RFC 8555. The default is Let's Encrypt.
   *
   * @default https://acme-v02.api.letsencrypt.org/directory
   */
  acmeDirectory: described(
    z
      .url({ protocol: /^https$/, error: 'must be a URL that begins with https://' })
      .default('https://acme-v02.api.letsencrypt.org/directory'),
    {
      value: 'text',
      description: "Directory URL of the authority, RFC 8555. The default is Let's Encrypt.",
    },
  ),
  /**
   * Folder for the account's key and the certificates, readable by the relay alone. Keep it: without it each start
   * requests a new certificate, and authorities limit how many they issue.
   *
   * @default acme
   */
  acmeStore: described(text('a path').min(1, { error: 'must be a path' }).default('acme'), {
    value: 'folder',
    description:
      "Folder for the account's key and the certificates, readable by the relay alone. Keep it: without it each start requests a new certificate, and authorities limit how many they issue.",
  }),
  /**
   * How to prove that the domains are yours: `tls-alpn-01` on the relay's own port, which must be 443 for the
   * authority, or `http-01` on `acmeHttpPort`.
   *
   * @default tls-alpn-01
   */
  acmeChallenge: described(oneOf(['tls-alpn-01', 'http-01']).default('tls-alpn-01'), {
    value: 'text',
    description:
      "How to prove that the domains are yours: `tls-alpn-01` on the relay's own port, which must be 443 for the authority, or `http-01` on `ACME_HTTP_PORT`.",
  }),
  /**
   * Port of `http-01`. It is open only while the relay requests a certificate. The authority always connects to port
   * 80.
   *
   * @default 80
   */
  acmeHttpPort: described(count(65_535).default(80), {
    value: 'number',
    description:
      'Port of `http-01`. It is open only while the relay requests a certificate. The authority always connects to port 80.',
  }),
  /**
   * TCP port, 80 for browsers, that redirects plain HTTP to https (308). It also answers `http-01` if it is
   * `acmeHttpPort`. If left out, there is none.
   */
  redirectPort: described(count(65_535).optional(), {
    value: 'number',
    description:
      'TCP port, 80 for browsers, that redirects plain HTTP to https (308). It also answers `http-01` if it is `ACME_HTTP_PORT`. If left out, there is none.',
  }),
}

type Given = z.output<z.ZodObject<typeof tls>> & { environment: string }

/** Problems of TLS options that contradict each other. */
export function tlsProblems(given: Given): OptionProblem[] {
  const { enableTls, tlsCert, tlsKey, acmeDomains, acmeEmail, redirectPort } = given
  const acme = acmeDomains.length > 0
  const files = Object.entries({ tlsCert, tlsKey })
  const named = files.filter(([, file]) => file !== '')
  const on = (options: [string, unknown][], problem: string): OptionProblem[] =>
    options.map(([option]) => ({ option, problem }))
  if (!enableTls) {
    // If a certificate is set but the switch is forgotten, the relay must not run without TLS.
    const asked = { ...(acme && { acmeDomains }), ...(redirectPort !== undefined && { redirectPort }) }
    return on([...named, ...Object.entries(asked)], 'is set, but TLS is not enabled')
  }
  if (acme) return on(named, 'is set, but so are domains to get a certificate for: choose one')
  const stray = acmeEmail === '' ? [] : [['acmeEmail', acmeEmail] as [string, unknown]]
  const problems = on(stray, 'is set, but there are no domains to get a certificate for')
  // With an e-mail address for the authority, files are not meant.
  if (named.length === 0 && (stray.length > 0 || !isProduction(given))) return problems
  const missing = files.filter(([, file]) => file === '')
  return [...problems, ...on(missing, 'is needed when TLS is enabled')]
}
