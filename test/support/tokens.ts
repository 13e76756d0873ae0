import { SignJWT } from 'jose'

/** A secret that signs tokens. */
export const SECRET = 'a secret of the tests, 32 bytes.'

/** The claims of a token, and how it is signed. */
export interface Claims {
  sub?: string
  rooms?: unknown
  iss?: string
  aud?: string | string[]
  /** Seconds since 1970, as in the token; by default an hour from now. */
  exp?: number | undefined
  nbf?: number
  [claim: string]: unknown
}

type Key = Parameters<SignJWT['sign']>[0]

/** A token that is good for all rooms for an hour, unless the claims say otherwise. */
export async function tokenFor(claims: Claims = {}, key: Key = Buffer.from(SECRET), alg = 'HS256'): Promise<string> {
  const payload = { rooms: ['*'], exp: secondsFromNow(3600), ...claims }
  return await new SignJWT(payload as Record<string, unknown>).setProtectedHeader({ alg }).sign(key)
}

/** A time as tokens have it; whole unless a test is in a hurry. */
export function secondsFromNow(seconds: number): number {
  return Date.now() / 1000 + seconds
}
