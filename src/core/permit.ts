import type { Alarm } from './alarms.js'
import type { AuthorizeRequest, Denial, Hello, Pass, Right, Verdict } from './authority.js'
import { allowanceOf } from './authority.js'
import { type CloseReason, closes } from './errors.js'
import type { Hub } from './hub.js'
import { Meter } from './limits.js'
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

/**
 * What one session may do, and until when; exists only where tokens are checked or a hook is asked.
 */
export class Permit {
  readonly #session: Session
  readonly #hub: Hub
  /** Kept for the hook alone. */
  #hello: Hello | undefined
  #pass: Pass | undefined
  /** When the connection ends, in milliseconds since 1970. */
  #expires = Number.POSITIVE_INFINITY
  #alarm: Alarm<Session> | undefined
  #renewals: Meter | undefined

  constructor(session: Session, hub: Hub, hello: Hello) {
    this.#session = session
    this.#hub = hub
    this.#hello = hello
  }

  /** Whether a fresh token may take the place of the one in force. */
  get renewable(): boolean {
    return this.#hub.access.tokens !== undefined
  }

  /** The session is over. */
  end(): void {
    this.#hub.expiries.cancel(this.#alarm)
  }

  /** Goes on with `granted` when the client may connect. */
  open(granted: () => void): void {
    const { tokens, authorize } = this.#hub.access
    if (!tokens || !this.#hello) {
      this.ask('connect', undefined, granted)
      return
    }
    this.#session.wait(tokens.identify(this.#hello), (pass) => {
      if (typeof pass === 'string') this.#session.deny(pass, closeOf(pass))
      else {
        this.#take(pass)
        this.ask('connect', undefined, granted)
      }
    })
    if (!authorize) this.#hello = undefined
  }

  /** Goes on with `granted` when the token and the hook agree: at once unless the hook takes its time. */
  ask(verb: Verb, room: string | undefined, granted: (mayPublish: boolean) => void): void {
    const session = this.#session
    const { authorize } = this.#hub.access
    const dialect = session.kind?.name
    const may = (right: Right): boolean => this.#pass === undefined || this.#pass.may(right, dialect ?? '', room ?? '')
    const named = verb === 'connect' ? this.#pass?.user : session.user
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
      else if (user === undefined || session.belong(user)) {
        this.#expireAt(allowance.expires)
        granted(allowance.publish !== false && may('publish'))
      }
    }
    if (!authorize || !this.#hello) {
      settle(true)
      return
    }
    const { path, query, headers } = this.#hello
    const request = { verb, dialect, room, user: named, connectionId: session.id, address: session.address }
    const verdict = authorize({ ...request, path, query, headers })
    if (isPromise(verdict)) this.#session.wait(verdict, settle)
    else settle(verdict)
  }

  /**
   * Puts a fresh token in the place of the one in force. All that was granted is asked anew, and a room
   * that is refused now closes the connection.
   *
   * @param token As the client sent it.
   * @param taken Called with the new end, in milliseconds since 1970.
   * @param refused Called with the reason; the old token stays in force.
   */
  renew(token: unknown, taken: (expires: number | undefined) => void, refused: (why: string) => void): void {
    const { access, expiries } = this.#hub
    if (!access.tokens) return
    if (Date.now() >= this.#expires) {
      // Its alarm is due: bringing tokens without a pause must not put that off.
      this.#session.deny('token-expired', closes.invalidToken)
      return
    }
    this.#renewals ??= new Meter(MAX_RENEWALS, RENEWAL_WINDOW)
    this.#session.slowDown('throttle', this.#renewals.charge(1, performance.now()))
    // It came in time, however long the check takes.
    expiries.cancel(this.#alarm)
    this.#session.wait(access.tokens.check(token), (pass) => {
      if (typeof pass === 'string' || pass.user !== this.#pass?.user) {
        const denial = typeof pass === 'string' ? pass : 'token-user'
        this.#arm()
        this.#hub.observer.denied(denial, this.#session.address, this.#session)
        refused(closeOf(denial).reason)
        return
      }
      this.#take(pass)
      this.ask('connect', undefined, () => {
        for (const member of [...this.#session.members]) {
          this.ask('join', member.room.name, (mayPublish) => {
            member.mayPublish = mayPublish
          })
        }
        taken(this.#expires === Number.POSITIVE_INFINITY ? undefined : this.#expires)
      })
    })
  }

  /** Puts a token in force. */
  #take(pass: Pass): void {
    this.#pass = pass
    this.#expires = Number.POSITIVE_INFINITY
    this.#hub.expiries.cancel(this.#alarm)
    this.#expireAt(pass.expires)
  }

  #expireAt(time: number | undefined): void {
    if (time === undefined || time >= this.#expires) return
    this.#expires = time
    this.#arm()
  }

  #arm(): void {
    const { expiries } = this.#hub
    expiries.cancel(this.#alarm)
    if (this.#expires < Number.POSITIVE_INFINITY) {
      this.#alarm = expiries.set(this.#session, this.#expires - Date.now())
    }
  }
}

/** How a connection is closed whose token was not taken. */
function closeOf(denial: Denial): CloseReason {
  return denial === 'keys-unavailable' ? closes.keysUnavailable : closes.invalidToken
}

function isPromise(verdict: Verdict | Promise<Verdict>): verdict is Promise<Verdict> {
  return typeof verdict === 'object' && verdict !== null && 'then' in verdict
}

/** Lets a member in that may only read. */
export function muting(entered?: (member: Member) => void): (member: Member) => void {
  return (member) => {
    member.mayPublish = false
    entered?.(member)
  }
}
