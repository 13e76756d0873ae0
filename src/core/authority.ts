/** What is asked of an {@link Authorize} hook. */
export interface AuthorizeRequest {
  /**
   * `connect` once for each connection; `join` for each room; `publish` for a message to a room that the
   * connection is not in (`y-webrtc`); `ice` for `GET /ice-servers`. A new token has `connect`, and
   * `join` for the rooms that the connection is in, asked anew.
   */
  readonly verb: 'connect' | 'join' | 'publish' | 'ice'
  /** Undefined for `ice`, and for `connect` at `/`, where the first message decides. */
  readonly dialect: string | undefined
  /** The room's name; undefined for `connect` and `ice`. */
  readonly room: string | undefined
  /** The user named by the token, or by an earlier answer for this connection. */
  readonly user: string | undefined
  /** The id of the connection; empty for `ice`. */
  readonly connectionId: string
  /** The path of the upgrade request, in its one spelling: see docs/protocol. */
  readonly path: string
  /** The query of the upgrade request. */
  readonly query: URLSearchParams
  /** The headers of the upgrade request, names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The address of the client. */
  readonly address: string
}

/** An answer that allows, with details. */
export interface Allowance {
  /** Names the user of the connection, which counts for `maxConnectionsPerUser` from now on; left out, it is the token's `sub`. */
  readonly user?: string | undefined
  /** For `join`: `false` lets the member read and not publish. Default `true`. */
  readonly publish?: boolean | undefined
  /** When the connection is to be closed, in milliseconds since 1970. The earliest that was named counts. */
  readonly expires?: number | undefined
}

/** `true` or an object allows. `false` refuses, and so does any other value. */
export type Verdict = boolean | Allowance

/**
 * Decides who may do what. Until it has answered, the client's messages wait, and the relay reads nothing more from its
 * socket. If it throws or rejects, or has not answered 10 s after `joinTimeout`, the relay closes the connection with
 * 1011, and answers `GET /ice-servers` with 500.
 */
export type Authorize = (request: AuthorizeRequest) => Verdict | Promise<Verdict>

/** What the upgrade request said. */
export type Hello = Pick<AuthorizeRequest, 'path' | 'query' | 'headers'>

/** What a token may allow in a room. */
export type Right = 'join' | 'publish'

/** What a token says of its bearer. */
export interface Claims {
  readonly user: string | undefined
  /** In milliseconds since 1970; undefined if it has no end. */
  readonly expires: number | undefined
  allows(right: Right, dialect: string, room: string): boolean
  /** Whether the bearer may take this id in a room where members choose theirs. */
  mayUseId(id: string): boolean
}

/** All reasons for which a connection or a request may be denied. */
export const denials = [
  'origin',
  'token-missing',
  'token-malformed',
  'token-algorithm',
  'token-signature',
  'token-claims',
  'token-issuer',
  'token-audience',
  'token-expired',
  /** A new token for another user. */
  'token-user',
  /** The keys that tokens are checked with could not be fetched. */
  'keys-unavailable',
  /** The hook refused the connection. */
  'connect',
  /** The token or the hook refused a room. */
  'join',
  'publish',
  'ice',
] as const

/** Why a connection or a request was denied. */
export type Denial = (typeof denials)[number]

/** Checks tokens. Whatever a client sends, the promises do not reject: a wrong token resolves to a denial. */
export interface Tokens {
  /** The claims of the token that an upgrade request brings, or why it is denied. */
  identify(hello: Hello): Promise<Claims | Denial>
  /** The claims of a token, or why it is denied. */
  check(token: unknown): Promise<Claims | Denial>
}

/** Who is asked before anything is granted: tokens first, then the hook, and both must agree. */
export interface Access {
  readonly tokens?: Tokens | undefined
  readonly authorize?: Authorize | undefined
}

/** What an answer of the hook allows; undefined if it refuses. Any value that is no {@link Verdict} refuses, such as `undefined`. */
export function allowanceOf(verdict: unknown): Allowance | undefined {
  if (verdict === true) return {}
  if (typeof verdict !== 'object' || verdict === null || verdict instanceof Error || Array.isArray(verdict)) {
    return undefined
  }
  const { user, publish, expires }: Record<keyof Allowance, unknown> = { ...BLANK, ...verdict }
  if (user !== undefined && typeof user !== 'string') return undefined
  if (publish !== undefined && typeof publish !== 'boolean') return undefined
  if (expires !== undefined && (typeof expires !== 'number' || Number.isNaN(expires))) return undefined
  return { user, publish, expires }
}

const BLANK = { user: undefined, publish: undefined, expires: undefined }
