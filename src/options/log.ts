import { described, flag, oneOf, secret, text } from './fields.js'

export const log = {
  /**
   * What to log: `debug`, `info`, `warn`, `error` or `silent`.
   *
   * @default info
   */
  logLevel: described(oneOf(['debug', 'info', 'warn', 'error', 'silent']).default('info'), {
    value: 'level',
    description: 'What to log: `debug`, `info`, `warn`, `error` or `silent`.',
  }),
  /**
   * `production` or `prod` logs JSON and requires a certificate for TLS. Anything else logs readable lines, and makes
   * a self-signed certificate.
   *
   * @default development
   */
  environment: described(text('a text').default('development'), {
    env: 'NODE_ENV',
    value: 'text',
    description:
      '`production` or `prod` logs JSON and requires a certificate for TLS. Anything else logs readable lines, and makes a self-signed certificate.',
  }),
  /**
   * Log the names of rooms instead of hashes. The names are secrets: everybody who knows one can join.
   *
   * @default false
   */
  logRoomNames: described(flag.default(false), {
    value: 'boolean',
    description: 'Log the names of rooms instead of hashes. The names are secrets: everybody who knows one can join.',
  }),
  /**
   * Key of the hashes that replace room names in the log, at least 16 characters. Give all nodes the same key to
   * compare their logs. By default each start makes its own.
   *
   * @default empty
   */
  logKey: described(secret().default(''), {
    value: 'text',
    secret: true,
    description:
      'Key of the hashes that replace room names in the log, at least 16 characters. Give all nodes the same key to compare their logs. By default each start makes its own.',
  }),
}

/** Whether the relay runs in production. */
export function isProduction({ environment }: { environment: string }): boolean {
  return environment === 'production' || environment === 'prod'
}
