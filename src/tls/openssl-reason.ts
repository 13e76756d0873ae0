/** What OpenSSL adds to its errors; Node's types do not tell. */
interface OpenSslError extends Error {
  readonly reason?: string
}

/** Why TLS failed, in one line: OpenSSL's own messages hold addresses of memory, places in its source and a line feed. */
export function reasonOf({ reason, message }: OpenSslError): string {
  return reason ?? message.replaceAll(/\s+/g, ' ').trim()
}
