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
   * `production` or `prod` logs JSON and wants a certificate for TLS; anything else logs readable lines, and makes
   * one itself.
   *
   * @default development
   */
  environment: described(text('a text').default('development'), {
    env: 'NODE_ENV',
    value: 'text',
    description:
      '`production` or `prod` logs JSON and wants a certificate for TLS; anything else logs readable lines, and makes one itself.',
  }),
  /**
   * Log the names of rooms instead of hashes. The names are the secrets that let people in.
   *
   * @default false
   */
  logRoomNames: described(flag.default(false), {
    value: 'boolean',
    description: 'Log the names of rooms instead of hashes. The names are the secrets that let people in.',
  }),
  /**
   * Key of the hashes that stand for room names in the log, at least 16 characters. Give all nodes the same one to
   * compare their logs; by default each start makes its own.
   *
   * @default empty
   */
  logKey: described(secret().default(''), {
    value: 'text',
    secret: true,
    description:
      'Key of the hashes that stand for room names in the log, at least 16 characters. Give all nodes the same one to compare their logs; by default each start makes its own.',
  }),
}

/** Whether the relay runs where a slip would hurt. */
export function isProduction({ environment }: { environment: string }): boolean {
  return environment === 'production' || environment === 'prod'
}
