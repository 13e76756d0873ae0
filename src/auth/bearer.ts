import type { Hello } from '../core/authority.js'

/** Browsers can set only the subprotocols of a WebSocket: `new WebSocket(url, ['baton', 'bearer.' + token])`. */
const PROTOCOL = 'bearer.'

/**
 * The token of a request: as `Authorization: Bearer …` (RFC 6750 section 2.1), else as the
 * WebSocket subprotocol `bearer.…`, else as `?token=`.
 */
export function tokenOf({ headers, query }: Pick<Hello, 'headers' | 'query'>): string | undefined {
  const [, token] = /^Bearer +(\S+) *$/i.exec(String(headers['authorization'])) ?? []
  const offered = protocolsOf(headers['sec-websocket-protocol'])
  return token ?? offered.find(isToken)?.slice(PROTOCOL.length) ?? (query.get('token') || undefined)
}

/** The subprotocol to select: the first that is not a token, because proxies log responses too. */
export function choiceOf(header: string | undefined): string | undefined {
  return protocolsOf(header).find((name) => !isToken(name))
}

function protocolsOf(header: string | string[] | undefined): string[] {
  return header === undefined
    ? []
    : String(header)
        .split(',')
        .map((name) => name.trim())
}

function isToken(protocol: string): boolean {
  return protocol.startsWith(PROTOCOL)
}
