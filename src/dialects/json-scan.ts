/**
 * Checks JSON text, RFC 8259, without making values of it. Each function takes a place in the text and returns the
 * place behind what it found there. It throws {@link BAD_JSON} where `JSON.parse` would throw. The text has to be
 * UTF-8. Time grows with its length alone, however many fields or levels it has.
 */

/** Made once: a stack for each bad message would cost more than the message. */
export const BAD_JSON = new SyntaxError('Not JSON')

export const Char = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  backslash: 0x5c,
  u: 0x75,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const

const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const ZERO = 0x30
const CAPITAL_E = 0x45
const SMALL_E = 0x65

/** The bytes that may stand in a string as they are. */
const PLAIN = bytes((byte) => byte >= 0x20 && byte !== Char.quote && byte !== Char.backslash)
const BLANK = bytes((byte) => ' \t\n\r'.includes(String.fromCharCode(byte)))
const DIGIT = bytes((byte) => byte >= ZERO && byte <= 0x39)
const HEX = bytes((byte) => /[\dA-Fa-f]/.test(String.fromCharCode(byte)))
/** What may follow a backslash, beside `u`. */
const ESCAPE = bytes((byte) => '"\\/bfnrt'.includes(String.fromCharCode(byte)))

const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word))

/**
 * How much of a string is read byte by byte. Beyond it Node looks for the end, which is faster than any
 * loop here, but costs as much as so many bytes each time.
 */
const NEAR = 24

function bytes(member: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (member(byte) ? 1 : 0))
}

function isIn(set: Uint8Array, byte: number | undefined): boolean {
  return byte !== undefined && set[byte] === 1
}

/** Behind the white space at `at`, if there is any. */
export function skipBlanks(text: Buffer, at: number): number {
  let place = at
  while (isIn(BLANK, text[place])) place++
  return place
}

/** Behind a string; `at` is its first quote. */
export function skipString(text: Buffer, at: number): number {
  if (text[at] !== Char.quote) throw BAD_JSON
  const near = skipCharacters(text, at + 1, Math.min(at + NEAR, text.length))
  if (text[near] === Char.quote) return near + 1
  const end = text.indexOf(Char.quote, near)
  // A quote behind a backslash may be part of the string, and there may be many of that kind.
  if (end > 0 && text[end - 1] === Char.backslash) {
    const last = skipCharacters(text, near, text.length)
    if (text[last] !== Char.quote) throw BAD_JSON
    return last + 1
  }
  if (end < 0 || !isJson(text.toString('latin1', at, end + 1))) throw BAD_JSON
  return end + 1
}

/** Up to the quote that ends a string, or to `stop`. */
function skipCharacters(text: Buffer, at: number, stop: number): number {
  let place = at
  while (place < stop) {
    const byte = text[place]
    if (isIn(PLAIN, byte)) place++
    else if (byte === Char.backslash) place = skipEscape(text, place + 1)
    else if (byte === Char.quote) return place
    else throw BAD_JSON
  }
  return place
}

function skipEscape(text: Buffer, at: number): number {
  if (isIn(ESCAPE, text[at])) return at + 1
  if (text[at] !== Char.u) throw BAD_JSON
  for (let i = 1; i <= 4; i++) if (!isIn(HEX, text[at + i])) throw BAD_JSON
  return at + 5
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Behind the name of a field, its colon, and the white space before its value. */
export function skipName(text: Buffer, at: number): number {
  const colon = skipBlanks(text, skipString(text, at))
  if (text[colon] !== Char.colon) throw BAD_JSON
  return skipBlanks(text, colon + 1)
}

/** Behind any value. */
export function skipValue(text: Buffer, at: number): number {
  return isOpener(text[at]) ? skipNested(text, at) : skipScalar(text, at)
}

function isOpener(byte: number | undefined): byte is number {
  return byte === Char.openBrace || byte === Char.openBracket
}

function skipScalar(text: Buffer, at: number): number {
  const first = text[at]
  if (first === Char.quote) return skipString(text, at)
  if (first === MINUS || isIn(DIGIT, first)) return skipNumber(text, at)
  for (const literal of LITERALS) if (first === literal[0]) return skipLiteral(text, at, literal)
  throw BAD_JSON
}

function skipLiteral(text: Buffer, at: number, literal: Buffer): number {
  for (let i = 0; i < literal.length; i++) if (text[at + i] !== literal[i]) throw BAD_JSON
  return at + literal.length
}

function skipNumber(text: Buffer, at: number): number {
  let place = text[at] === MINUS ? at + 1 : at
  place = text[place] === ZERO ? place + 1 : skipDigits(text, place)
  if (text[place] === POINT) place = skipDigits(text, place + 1)
  if (text[place] !== SMALL_E && text[place] !== CAPITAL_E) return place
  const sign = text[place + 1]
  return skipDigits(text, sign === PLUS || sign === MINUS ? place + 2 : place + 1)
}

function skipDigits(text: Buffer, at: number): number {
  let place = at
  while (isIn(DIGIT, text[place])) place++
  if (place === at) throw BAD_JSON
  return place
}

/** Behind an object or an array. Keeps a list of what is open instead of calling itself: no depth is too much. */
function skipNested(text: Buffer, at: number): number {
  const closers: number[] = []
  let place = at
  do {
    const first = text[place]
    if (isOpener(first)) {
      const closer = first + 2
      closers.push(closer)
      place = skipBlanks(text, place + 1)
      if (text[place] !== closer) {
        if (closer === Char.closeBrace) place = skipName(text, place)
        continue
      }
    } else place = skipScalar(text, place)
    place = skipEnds(text, place, closers)
  } while (closers.length > 0)
  return place
}

/** Behind all that ends with the value before `at`; up to the next value if something is still open. */
function skipEnds(text: Buffer, at: number, closers: number[]): number {
  let place = at
  for (let closer = closers.at(-1); closer !== undefined; closer = closers.at(-1)) {
    place = skipBlanks(text, place)
    if (text[place] !== closer) {
      if (text[place] !== Char.comma) throw BAD_JSON
      place = skipBlanks(text, place + 1)
      return closer === Char.closeBrace ? skipName(text, place) : place
    }
    closers.pop()
    place++
  }
  return place
}
