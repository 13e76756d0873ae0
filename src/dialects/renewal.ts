import { jsonFrame } from '../core/frame.js'
import type { Session } from '../core/session.js'
import type { JsonMessage } from './json.js'

/** Whether a message carries a new token. If tokens are not checked, `auth` is a type like any other. */
export function isRenewal(session: Session, message: JsonMessage): boolean {
  return message.is('type', 'auth') && session.authorization?.renewable === true
}

/**
 * Takes the new token of a message, and tells its sender when it expires.
 *
 * @param refused Called with the reason if it is not taken.
 */
export function renew(session: Session, message: JsonMessage, refused: (why: string) => void): void {
  const token = message.string('token') ?? message.raw('token')
  session.renew(token, (outcome) => {
    if ('why' in outcome) refused(outcome.why)
    else
      session.send(jsonFrame({ type: 'auth', expires: Number.isFinite(outcome.expires) ? outcome.expires : undefined }))
  })
}
