import { described, flag, text } from './fields.js'

export const tls = {
  enableTls: described(flag.default(false), {
    env: 'ENABLE_TLS',
    group: 'TLS',
    value: 'boolean',
    description: 'Speak TLS (wss and https), with the certificate of `TLS_CERT`.',
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
