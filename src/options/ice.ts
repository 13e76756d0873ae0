import type { z } from 'zod'
import { count, described, duration, list, MIN_SECRET, type OptionProblem, secret } from './fields.js'

/** RFC 7064 and RFC 7065. */
const HOST = String.raw`([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?`
const STUN = new RegExp(`^stuns?:${HOST}$`, 'i')
const TURN = new RegExp(String.raw`^turns?:${HOST}(\?transport=(udp|tcp))?$`, 'i')

const matching = (pattern: RegExp) => (url: string) => (pattern.test(url) ? url : undefined)

/** Less than {@link MIN_SECRET}, because the TURN server may be another's. Between the two the start warns. */
const MIN_TURN_SECRET = 6

/** Whether somebody with one credential could guess the secret. */
export function isTurnSecretWeak({ turnSecret }: { turnSecret: string }): boolean {
  return turnSecret !== '' && turnSecret.length < MIN_SECRET
}

export const ice = {
  /**
   * STUN servers that `GET /ice-servers` lists, separated by commas.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  stunUrls: described(list(matching(STUN), 'must be URLs such as stun:stun.example.org:3478').default([]), {
    value: 'list',
    description: 'STUN servers that `GET /ice-servers` lists, separated by commas.',
  }),
  /**
   * TURN servers that it lists, separated by commas, with credentials made from `turnSecret`.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  turnUrls: described(
    list(matching(TURN), 'must be URLs such as turn:turn.example.org:3478?transport=udp').default([]),
    {
      value: 'list',
      description: 'TURN servers that it lists, separated by commas, with credentials made from `TURN_SECRET`.',
    },
  ),
  /**
   * The `static-auth-secret` of coturn, at least 6 characters. Use 16 or more: below that the log has a warning.
   *
   * @default empty
   */
  turnSecret: described(secret(MIN_TURN_SECRET).default(''), {
    value: 'text',
    secret: true,
    description:
      'The `static-auth-secret` of coturn, at least 6 characters. Use 16 or more: below that the log has a warning.',
  }),
  /**
   * How long such a credential can open new connections to the TURN servers. It ends with the token that it was given
   * for, if that is earlier.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 1h
   */
  turnTtl: described(duration(60_000).default(3_600_000), {
    value: 'duration',
    description:
      'How long such a credential can open new connections to the TURN servers. It ends with the token that it was given for, if that is earlier.',
  }),
  /**
   * Credentials that one user gets in a minute. An address gets 10 times as many if its user is not known. Beyond it
   * the relay answers HTTP 429.
   *
   * @default 10
   */
  turnRate: described(count().default(10), {
    value: 'number',
    description:
      'Credentials that one user gets in a minute. An address gets 10 times as many if its user is not known. Beyond it the relay answers HTTP 429.',
  }),
}

/** Problems of options that contradict each other. */
export function iceProblems({ turnUrls, turnSecret }: z.output<z.ZodObject<typeof ice>>): OptionProblem[] {
  if (turnUrls.length > 0 && turnSecret === '') {
    return [{ option: 'turnSecret', problem: 'is needed for the credentials of the TURN servers' }]
  }
  if (turnUrls.length === 0 && turnSecret !== '') {
    return [{ option: 'turnSecret', problem: 'is set, but no TURN servers are' }]
  }
  return []
}
