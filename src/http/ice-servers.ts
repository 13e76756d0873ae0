import { createHmac } from 'node:crypto'
import type { Settings } from '../options/index.js'

/** STUN and TURN servers, as `new RTCPeerConnection()` takes them: https://www.w3.org/TR/webrtc/#rtciceserver-dictionary */
export interface IceServers {
  iceServers: { urls: string[]; username?: string; credential?: string }[]
  /** Seconds for which the credentials open new connections to the TURN servers. */
  ttl: number
}

/**
 * The servers of the options. Those for TURN come with credentials that the servers check without asking
 * anybody, being made with a secret that they share:
 * https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00
 *
 * @param user Is part of the username.
 * @param expires When the user's access ends, in milliseconds since 1970: the credentials end then, if not before.
 */
export function iceServersFor(settings: Settings, user?: string, expires = Number.POSITIVE_INFINITY): IceServers {
  const { stunUrls, turnUrls, turnSecret, turnTtl } = settings
  const now = Math.floor(Date.now() / 1000)
  const end = Math.max(now, Math.floor(Math.min(now + turnTtl / 1000, expires / 1000)))
  const username = user === undefined ? `${end}` : `${end}:${user}`
  const credential = createHmac('sha1', turnSecret).update(username).digest('base64')
  return {
    iceServers: [
      ...(stunUrls.length > 0 ? [{ urls: stunUrls }] : []),
      ...(turnUrls.length > 0 ? [{ urls: turnUrls, username, credential }] : []),
    ],
    ttl: end - now,
  }
}

/** Whether the options name any server. */
export function hasIceServers({ stunUrls, turnUrls }: Settings): boolean {
  return stunUrls.length > 0 || turnUrls.length > 0
}
