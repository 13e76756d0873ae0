/** What stands in a path as it is, RFC 3986 section 3.3: `pchar` without the escapes, and the slash between two. */
const PLAIN = /^[\w\-.~!$&'()*+,;=:@/]*$/
const ESCAPE_OR_ODD = /%([\dA-Fa-f]{2})|[^\w\-.~!$&'()*+,;=:@/]/g

/**
 * A path in its one spelling, so that rooms, rights and logs know only that: escapes with capital digits,
 * and only where a character cannot stand for itself; no `.` and `..` segments (RFC 3986 section 6.2.2).
 * An escaped slash stays one, since a slash that parts segments is another thing.
 *
 * @param path As Node reads it from the wire: each byte a character.
 */
export function normalPath(path: string): string {
  const spelt = PLAIN.test(path) ? path : escaped(path)
  return spelt.includes('/.') ? withoutDots(spelt) : spelt
}

/** A text as it stands in a path in its normal form; slashes part segments. */
export function pathText(text: string): string {
  return PLAIN.test(text) ? text : escaped(Buffer.from(text).toString('latin1'))
}

function escaped(text: string): string {
  return text.replace(ESCAPE_OR_ODD, (found: string, digits: string | undefined) => {
    const byte = digits === undefined ? found.charCodeAt(0) : Number.parseInt(digits, 16)
    const character = String.fromCharCode(byte)
    if (character !== '/' && PLAIN.test(character)) return character
    return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  })
}

/** RFC 3986 section 5.2.4, for a path that begins with a slash. */
function withoutDots(path: string): string {
  const segments = path.split('/').slice(1)
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  if (/\/\.\.?$/.test(path)) kept.push('')
  return `/${kept.join('/')}`
}
