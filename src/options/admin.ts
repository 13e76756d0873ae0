import { count, described, secret, text } from './fields.js'

export const admin = {
  /**
   * TCP port of its own for the administrative pages, such as `/stats`, without TLS; 0 lets the system choose one.
   * Left out, they are on `port`.
   */
  adminPort: described(count(65_535).optional(), {
    value: 'number',
    description:
      'TCP port of its own for the administrative pages, such as `/stats`, without TLS; 0 lets the system choose one. Left out, they are on `PORT`.',
  }),
  /**
   * Address of `adminPort`.
   *
   * @default 127.0.0.1
   */
  adminHost: described(text('an address').default('127.0.0.1'), {
    value: 'text',
    description: 'Address of `ADMIN_PORT`.',
  }),
  /**
   * What the administrative pages ask for: as `Authorization: Bearer`, or as the password of any user; at least 16
   * characters. Empty means that everybody who reaches them may read them, and that there is no `/dashboard`.
   *
   * @default empty
   */
  adminToken: described(secret().default(''), {
    value: 'text',
    secret: true,
    description:
      'What the administrative pages ask for: as `Authorization: Bearer`, or as the password of any user; at least 16 characters. Empty means that everybody who reaches them may read them, and that there is no `/dashboard`.',
  }),
}
