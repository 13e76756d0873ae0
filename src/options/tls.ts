import type { z } from 'zod'
import { described, flag, type OptionProblem, text } from './fields.js'
import { isProduction } from './log.js'

export const tls = {
  enableTls: described(flag.default(false), {
    env: 'ENABLE_TLS',
    group: 'TLS',
    value: 'boolean',
    description:
      'Speak TLS (wss and https), with the certificate of `TLS_CERT`, or outside production a self-signed one.',
  }),
  tlsCert: described(text('a path').default(''), {
    env: 'TLS_CERT',
    group: 'TLS',
    value: 'file',
    description:
      'File of the certificate and its chain, in PEM. It is read again when it changes, without closing a connection.',
  }),
  tlsKey: described(text('a path').default(''), {
    env: 'TLS_KEY',
    group: 'TLS',
    value: 'file',
    description: "File of the certificate's private key, in PEM.",
  }),
}

type Given = z.output<z.ZodObject<typeof tls>> & { environment: string }

/** What is wrong with the options of TLS together. */
export function tlsProblems(given: Given): OptionProblem[] {
  const { enableTls, tlsCert, tlsKey } = given
  const files = Object.entries({ tlsCert, tlsKey })
  const named = files.filter(([, file]) => file !== '')
  // Whoever names a certificate must not end up without TLS by forgetting the switch.
  if (!enableTls) return named.map(([option]) => ({ option, problem: 'is set, but TLS is not enabled' }))
  if (named.length === 0 && !isProduction(given)) return []
  return files
    .filter(([, file]) => file === '')
    .map(([option]) => ({ option, problem: 'is needed when TLS is enabled' }))
}
