import type { AuthorizeRequest, Claims, Denial, Hello, Right, Verdict } from './authority.js'
import { allowanceOf } from './authority.js'
import { isPromise } from './authorize-hook.js'
import { type CloseReason, closes } from './close-reasons.js'
import type { RelayContext } from './context.js'
import type { Deadline } from './deadlines.js'
import { RateLimiter } from './rate-limiter.js'
import type { Member } from './room.js'
import type { Session } from './session.js'

/** Fresh tokens that a connection may bring in {@link RENEWAL_WINDOW} milliseconds: to check one costs as much as relaying hundreds of messages. */
const MAX_RENEWALS = 10
const RENEWAL_WINDOW = 10_000

/** What a connection asks leave for; each is refused with a close of its own. */
type Verb = Exclude<AuthorizeRequest['verb'], 'ice'>

const refusals: Readonly<Record<Verb, CloseReason>> = {
  connect: closes.notAllowed,
  join: closes.notAllowedInRoom,
  publish: closes.notAllowedInRoom,
}

/** What a token allows, and for how long. */
interface Grant {
  readonly pass: Claims | undefined
  /** When the connection ends, in milliseconds since 1970: the earliest that either has named. */
  expires: number
}

/**
 * What one session may do, and until when; exists only where tokens are checked or a hook is asked.
 */
export class Authorization {
  readonly #session: Session
  readonly #hub: RelayContext
  /** Kept for the hook alone. */
  #hello: Hello | undefined
  /** What is in force. */
  #grant: Grant = { pass: undefined, expires: Number.POSITIVE_INFINITY }
  #alarm: Deadline<Session> | undefined
  #renewals: RateLimiter | undefined

  constructor(session: Session, hub: RelayContext, hello: Hello) {
    this.#session = session
    this.#hub = hub
    this.#hello = hello
  }

  /** Whether a fresh token may take the place of the one in force. */
  get renewable(): boolean {
    return this.#hub.access.tokens !== undefined
  }

  /** Whether the client may take an id that it has chosen. */
  mayUseId(id: string): boolean {
    return this.#grant.pass?.mayUseId(id) ?? true
  }

  /** The session is over. */
  end(): void {
    this.#hub.expiries.cancel(this.#alarm)
  }

  /** Goes on with `granted` when the client may connect. */
  open(granted: () => void): void {
    const { tokens } = this.#hub.access
    if (!tokens || !this.#hello) {
      this.ask('connect', undefined, granted)
      return
    }
    this.#session.wait(tokens.identify(this.#hello), (pass) => {
      if (typeof pass === 'string') this.#session.deny(pass, closeOf(pass))
      else {
        this.#enforce(grantOf(pass))
        this.ask('connect', undefined, granted)
      }
    })
    if (!this.#hub.hook) this.#hello = undefined
  }

  /**
   * Goes on with `granted` when the token and the hook agree: at once unless the hook takes its time.
   *
   * @param grant Of a fresh token that is not in force yet; left out, it is the one in force.
   */
  ask(verb: Verb, room: string | undefined, granted: (mayPublish: boolean) => void, grant: Grant = this.#grant): void {
    const session = this.#session
    const { hook } = this.#hub
    const { pass } = grant
    const dialect = session.kind?.name
    const may = (right: Right): boolean => pass === undefined || pass.allows(right, dialect ?? '', room ?? '')
    const named = verb === 'connect' ? pass?.user : session.user
    if (session.ended) return
    if (verb !== 'connect' && !may(verb)) {
      session.deny(verb, refusals[verb])
      return
    }
    const settle = (verdict: Verdict): void => {
      const allowance = allowanceOf(verdict)
      // Not before the hook has had its say: until then the token's user would have a connection too many.
      const user = allowance?.user ?? named
      if (!allowance || (verb === 'publish' && allowance.publish === false)) session.deny(verb, refusals[verb])
      else if (user === undefined || session.assignUser(user)) {
        this.#shorten(grant, allowance.expires)
        granted(allowance.publish !== false && may('publish'))
      }
    }
    if (!hook || !this.#hello) {
      settle(true)
      return
    }
    const { path, query, headers } = this.#hello
    const request = { verb, dialect, room, user: named, connectionId: session.id, address: session.address }
    const verdict = hook.ask({ ...request, path, query, headers })
    if (isPromise(verdict)) this.#session.wait(verdict, settle)
    else settle(verdict)
  }

  /**
   * Puts a fresh token in the place of the one in force. All that was granted is asked anew, and a room
   * that is refused now closes the connection. Until all of it is decided the old token stays in force, and
   * ends the connection when it ends.
   *
   * @param token As the client sent it.
   * @param taken Called with the new end, in milliseconds since 1970.
   * @param refused Called with the reason; the old token stays in force.
   */
  renew(token: unknown, taken: (expires: number | undefined) => void, refused: (why: string) => void): void {
    const { tokens } = this.#hub.access
    if (!tokens) return
    if (Date.now() >= this.#grant.expires) {
      // Its alarm is due: bringing tokens without a pause must not put that off.
      this.#session.deny('token-expired', closes.invalidToken)
      return
    }
    this.#renewals ??= new RateLimiter(MAX_RENEWALS, RENEWAL_WINDOW)
    this.#session.slowDown('throttle', this.#renewals.charge(1, performance.now()))
    this.#session.wait(tokens.check(token), (pass) => {
      if (typeof pass !== 'string' && pass.user === this.#grant.pass?.user) {
        this.#renewWith(pass, taken)
        return
      }
      const denial = typeof pass === 'string' ? pass : 'token-user'
      this.#hub.observer.denied(denial, this.#session.address, this.#session)
      refused(closeOf(denial).reason)
    })
  }

  #renewWith(pass: Claims, taken: (expires: number | undefined) => void): void {
    const fresh = grantOf(pass)
    const members = [...this.#session.members]
    const rights = new Map<Member, boolean>()
    const decide = (): void => {
      if (rights.size < members.length) return
      for (const [member, mayPublish] of rights) member.mayPublish = mayPublish
      this.#enforce(fresh)
      taken(fresh.expires === Number.POSITIVE_INFINITY ? undefined : fresh.expires)
    }
    const join = (member: Member): void => {
      if (member.id !== this.#session.id && !pass.mayUseId(member.id)) {
        this.#session.deny('join', closes.notAllowedInRoom)
        return
      }
      const settle = (mayPublish: boolean): void => {
        rights.set(member, mayPublish)
        decide()
      }
      this.ask('join', member.room.name, settle, fresh)
    }
    this.ask('connect', undefined, () => (members.length > 0 ? members.forEach(join) : decide()), fresh)
  }

  #enforce(grant: Grant): void {
    this.#grant = grant
    this.#arm()
  }

  #shorten(grant: Grant, time: number | undefined): void {
    if (time === undefined || time >= grant.expires) return
    grant.expires = time
    if (grant === this.#grant) this.#arm()
  }

  #arm(): void {
    const { expiries } = this.#hub
    const { expires } = this.#grant
    expiries.cancel(this.#alarm)
    this.#alarm = expires < Number.POSITIVE_INFINITY ? expiries.set(this.#session, expires - Date.now()) : undefined
  }
}

function grantOf(pass: Claims): Grant {
  return { pass, expires: pass.expires ?? Number.POSITIVE_INFINITY }
}

/** How a connection is closed whose token was not taken. */
function closeOf(denial: Denial): CloseReason {
  return denial === 'keys-unavailable' ? closes.keysUnavailable : closes.invalidToken
}

/** Lets a member in that may only read. */
export function muting(entered?: (member: Member) => void): (member: Member) => void {
  return (member) => {
    member.mayPublish = false
    entered?.(member)
  }
}
