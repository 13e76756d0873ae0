/** What is asked of an {@link Authorize} hook. */
export interface AuthorizeRequest {
  /** `connect` once for each connection; `join` for each room; `publish` for a message to a room that the connection is not in (`y-webrtc`). */
  readonly verb: 'connect' | 'join' | 'publish'
  /** Undefined for `connect` at `/`, where the first message decides. */
  readonly dialect: string | undefined
  /** The room's name; undefined for `connect`. */
  readonly room: string | undefined
  /** The user named by an earlier answer for this connection. */
  readonly user: string | undefined
  /** The id of the connection. */
  readonly connectionId: string
  /** The path of the upgrade request. */
  readonly path: string
  /** The query of the upgrade request. */
  readonly query: URLSearchParams
  /** The headers of the upgrade request, names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The address of the client. */
  readonly address: string
}

/** `true` or an object allows; the object may name the user. `false` refuses. */
export type Verdict = boolean | { readonly user?: string }

/**
 * Decides who may do what. While it thinks, the client's messages wait, and its socket is not read any
 * further. If it throws or rejects, the connection is closed with 1011.
 */
export type Authorize = (request: AuthorizeRequest) => Verdict | Promise<Verdict>

/** What the upgrade request said. */
export type Hello = Pick<AuthorizeRequest, 'path' | 'query' | 'headers'>
