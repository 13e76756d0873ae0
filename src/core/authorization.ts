import type { Tokens, Verdict } from './authority.js'
import { type AuthorizeRequest, allowanceOf, type Claims, type Denial, type Hello, type Right } from './authority.js'
import { isPromise } from './authorize-hook.js'
import { type CloseReason, closes } from './close-reasons.js'
import type { Expiring, RelayContext } from './context.js'
import type { Deadline } from './deadlines.js'

/** What a connection asks for. */
type Verb = Exclude<AuthorizeRequest['verb'], 'ice'>

/** Something was denied that the connection cannot go on without. */
export interface Denied {
  readonly denial: Denial
  /** How the connection is closed. */
  readonly close: CloseReason
}

/** Something was granted. */
export interface Granted {
  /** The user of the connection from now on; undefined if nobody has named one. */
  readonly user: string | undefined
  readonly mayPublish: boolean
  /** When the connection ends for it, in milliseconds since 1970. */
  readonly expires: number
}

/** A new token was granted, and all that the connection has with it. */
export interface Renewed extends Granted {
  readonly claims: Claims
  /** What it has in each of its rooms. */
  readonly rights: readonly { readonly place: Place; readonly mayPublish: boolean }[]
}

/** A new token was not taken: the old one stays in force. */
export interface NotRenewed {
  readonly refused: Denial
  /** The text for the client. */
  readonly why: string
}

/** The connection that asks: what the hook is told of it, and what a deadline ends. */
interface Applicant extends Expiring {
  readonly id: string
  readonly user: string | undefined
  readonly address: string
  readonly kind: { readonly name: string } | undefined
}

/** A place in a room. */
interface Place {
  readonly id: string
  readonly room: { readonly name: string }
  mayPublish: boolean
}

/** Grants what nobody has to be asked about. */
export const UNLIMITED: Granted = { user: undefined, mayPublish: true, expires: Number.POSITIVE_INFINITY }

const denials: Readonly<Record<Verb, Denied>> = {
  connect: { denial: 'connect', close: closes.notAllowed },
  join: { denial: 'join', close: closes.notAllowedInRoom },
  publish: { denial: 'publish', close: closes.notAllowedInRoom },
}

/**
 * What one connection may do, and until when; exists only where tokens are checked or a hook is asked. It answers with
 * a value where it can, and with a promise where somebody takes time. The session acts on the answer.
 */
export class Authorization {
  readonly #applicant: Applicant
  readonly #context: RelayContext
  /** Kept for the hook alone. */
  #hello: Hello | undefined
  /** What is in force, and until when. */
  #claims: Claims | undefined
  #expires = Number.POSITIVE_INFINITY
  #expiry: Deadline<Expiring> | undefined
  #ended = false

  constructor(applicant: Applicant, context: RelayContext, hello: Hello) {
    this.#applicant = applicant
    this.#context = context
    this.#hello = hello
  }

  /** Whether a new token may take the place of the one in force. */
  get renewable(): boolean {
    return this.#context.access.tokens !== undefined
  }

  /** Whether the token in force has ended. Its deadline may be a moment late. */
  get expired(): boolean {
    return Date.now() >= this.#expires
  }

  /** Whether the client may take an id that it has chosen. */
  mayUseId(id: string): boolean {
    return this.#claims?.mayUseId(id) ?? true
  }

  /** The session is over. */
  end(): void {
    this.#ended = true
    this.#context.expiries.cancel(this.#expiry)
  }

  /** Whether the client may connect. */
  connect(): Granted | Denied | Promise<Granted | Denied> {
    const { tokens } = this.#context.access
    const hello = this.#hello
    if (!tokens || !hello) return this.#decide('connect', undefined, undefined, undefined)
    if (!this.#context.hook) this.#hello = undefined
    return this.#identify(tokens, hello)
  }

  /** Whether the token in force and the hook allow something in a room. */
  ask(verb: 'join' | 'publish', room: string): Granted | Denied | Promise<Granted | Denied> {
    return this.#decide(verb, room, this.#claims, this.#applicant.user)
  }

  /** Something was granted: the connection ends when the first grant does. */
  limit({ expires }: Granted): void {
    if (expires < this.#expires) this.#enforce(this.#claims, expires)
  }

  /**
   * Whether a new token may take the place of the one in force. All that was granted is asked anew. The old one
   * stays in force until {@link Authorization.replace}.
   *
   * @param token As the client sent it.
   * @param places The rooms that the connection is in.
   */
  async renew(tokens: Tokens, token: unknown, places: readonly Place[]): Promise<Renewed | NotRenewed | Denied> {
    const claims = await tokens.check(token)
    if (typeof claims === 'string') return notRenewed(claims)
    if (claims.user !== this.#claims?.user) return notRenewed('token-user')
    const connection = await this.#decide('connect', undefined, claims, claims.user)
    if ('denial' in connection) return connection
    let { user = this.#applicant.user, expires } = connection
    const asked = [...places]
    const rights: Renewed['rights'][number][] = []
    for (const [i, answer] of (await Promise.all(this.#decideAll(asked, claims, user))).entries()) {
      if ('denial' in answer) return answer
      user = answer.user ?? user
      expires = Math.min(expires, answer.expires)
      const place = asked[i]
      if (place) rights.push({ place, mayPublish: answer.mayPublish })
    }
    return { user, mayPublish: connection.mayPublish, expires: Math.min(expires, expiryOf(claims)), claims, rights }
  }

  /** Puts a new token in the place of the one in force. */
  replace({ claims, expires, rights }: Renewed): void {
    for (const { place, mayPublish } of rights) place.mayPublish = mayPublish
    this.#enforce(claims, expires)
  }

  async #identify(tokens: Tokens, hello: Hello): Promise<Granted | Denied> {
    const claims = await tokens.identify(hello)
    if (typeof claims === 'string') return { denial: claims, close: closeOf(claims) }
    // Before the hook has answered: the token may end meanwhile.
    this.#enforce(claims, expiryOf(claims))
    return await this.#decide('connect', undefined, claims, claims.user)
  }

  /** Asks about each place. Nobody is asked any more once one is denied. */
  #decideAll(
    places: readonly Place[],
    claims: Claims,
    connectionUser: string | undefined,
  ): (Granted | Denied | Promise<Granted | Denied>)[] {
    const answers: (Granted | Denied | Promise<Granted | Denied>)[] = []
    let user = connectionUser
    for (const { id, room } of places) {
      const own = id === this.#applicant.id || claims.mayUseId(id)
      const answer = own ? this.#decide('join', room.name, claims, user) : denials.join
      answers.push(answer)
      if (answer instanceof Promise) continue
      if ('denial' in answer) break
      user = answer.user ?? user
    }
    return answers
  }

  /** Asks the token, then the hook. Nobody is asked for a connection that has ended. */
  #decide(
    verb: Verb,
    room: string | undefined,
    claims: Claims | undefined,
    user: string | undefined,
  ): Granted | Denied | Promise<Granted | Denied> {
    const { hook } = this.#context
    const { id: connectionId, address, kind } = this.#applicant
    const dialect = kind?.name
    const allows = (right: Right): boolean => claims === undefined || claims.allows(right, dialect ?? '', room ?? '')
    if (this.#ended || (verb !== 'connect' && !allows(verb))) return denials[verb]
    const mayPublish = allows('publish')
    if (!hook || !this.#hello) return { user, mayPublish, expires: Number.POSITIVE_INFINITY }
    const { path, query, headers } = this.#hello
    const verdict = hook.ask({ verb, dialect, room, user, connectionId, address, path, query, headers })
    if (isPromise(verdict)) return verdict.then((later) => decisionOf(verb, later, user, mayPublish))
    return decisionOf(verb, verdict, user, mayPublish)
  }

  #enforce(claims: Claims | undefined, expires: number): void {
    this.#claims = claims
    this.#expires = expires
    if (this.#ended) return
    const { expiries } = this.#context
    expiries.cancel(this.#expiry)
    this.#expiry = expires < Number.POSITIVE_INFINITY ? expiries.set(this.#applicant, expires - Date.now()) : undefined
  }
}

/** What the hook's answer comes to, where the token allows what was asked for. */
function decisionOf(verb: Verb, verdict: Verdict, user: string | undefined, mayPublish: boolean): Granted | Denied {
  const allowance = allowanceOf(verdict)
  if (!allowance || (verb === 'publish' && allowance.publish === false)) return denials[verb]
  return {
    user: allowance.user ?? user,
    mayPublish: mayPublish && allowance.publish !== false,
    expires: allowance.expires ?? Number.POSITIVE_INFINITY,
  }
}

function expiryOf({ expires = Number.POSITIVE_INFINITY }: Claims): number {
  return expires
}

function notRenewed(denial: Denial): NotRenewed {
  return { refused: denial, why: closeOf(denial).reason }
}

/** How a connection is closed whose token was not taken. */
function closeOf(denial: Denial): CloseReason {
  return denial === 'keys-unavailable' ? closes.keysUnavailable : closes.invalidToken
}
