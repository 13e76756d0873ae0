/** What both parents of Baton send, so that every server here does the same work for the same clients. */

/** To a newcomer. */
export function connected(connectionId, roomId, userCount) {
  return JSON.stringify({ type: 'connected', connectionId, roomId, userCount })
}

/** To the others. */
export function presence(type, connectionId, userCount) {
  return JSON.stringify({ type, connectionId, userCount })
}

/** A member's message: parsed, stamped, written anew. */
export function stamped(text, connectionId) {
  return JSON.stringify({ ...JSON.parse(text), connectionId, timestamp: Date.now() })
}

/** The room in `/room/{id}`. */
export function roomOf(url) {
  return url.split('/')[2]
}

let connections = 0

/** 16 hexadecimal digits. The parents' are random; what they cost is the same to all. */
export function createId() {
  return (++connections).toString(16).padStart(16, '0')
}
