import { count, described, secret, text } from './fields.js'

export const admin = {
  /**
   * Separate TCP port for the administrative pages, such as `/stats`, without TLS; 0 lets the system choose one. If
   * left out, they are on `port`.
   */
  adminPort: described(count(65_535).optional(), {
    value: 'number',
    description:
      'Separate TCP port for the administrative pages, such as `/stats`, without TLS; 0 lets the system choose one. If left out, they are on `PORT`.',
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
   * Token that the administrative pages require: as `Authorization: Bearer`, or as the password of any user; at least
   * 16 characters. If empty, everybody who reaches the pages may read them, and there is no `/dashboard`.
   *
   * @default empty
   */
  adminToken: described(secret().default(''), {
    value: 'text',
    secret: true,
    description:
      'Token that the administrative pages require: as `Authorization: Bearer`, or as the password of any user; at least 16 characters. If empty, everybody who reaches the pages may read them, and there is no `/dashboard`.',
  }),
}
