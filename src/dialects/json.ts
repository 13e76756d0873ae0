import { isUtf8 } from 'node:buffer'
import { allocFrame, Opcode } from '../core/frame.js'
import { BAD_JSON, Char, skipBlanks, skipName, skipString, skipValue } from './json-scan.js'

/** Why a message is not read. */
export interface JsonFault {
  readonly fault: 'not-json' | 'not-an-object' | 'twice'
  /** The text for the sender, in dialects that prescribe none. */
  readonly why: string
}

const NOT_JSON: JsonFault = { fault: 'not-json', why: 'Invalid message: not JSON' }
const NOT_AN_OBJECT: JsonFault = {
  fault: 'not-an-object',
  why: 'Invalid message: a JSON object with a type is required',
}

/**
 * The fields of a dialect's messages that mean something to the relay. If one of them is there twice the message is
 * refused: parsers differ in which one counts, and nothing honest sends two.
 */
interface Fields {
  /** Fields that the relay reads. */
  readonly reads: readonly string[]
  /** Fields that only the relay may set: they are cut out of what is relayed. */
  readonly sets?: readonly string[]
  /** The only fields that are relayed; left out, all are that are not in `sets`. */
  readonly relays?: readonly string[]
}

/**
 * Reads JSON objects without making objects of them: it checks the text as `JSON.parse` does, and notes where the
 * fields of the top level stand. What is relayed is the sender's own text, byte for byte.
 */
export class JsonReader {
  readonly #names: readonly string[]
  /** Whether the field at the same index of the names is relayed; the last one is for all other fields. */
  readonly #relays: readonly boolean[]

  constructor({ reads, sets = [], relays }: Fields) {
    this.#names = [...reads, ...sets]
    const named = this.#names.map((name) => relays?.includes(name) ?? !sets.includes(name))
    this.#relays = [...named, relays === undefined]
  }

  /** @param binary Whether it came in a binary frame, whose bytes nobody has checked to be UTF-8 yet. */
  read(text: Buffer, binary: boolean): JsonMessage | JsonFault {
    if (binary && !isUtf8(text)) return NOT_JSON
    try {
      const start = skipBlanks(text, 0)
      if (text[start] === Char.openBrace) return this.#object(text, start)
      expectEnd(text, skipValue(text, start))
      return NOT_AN_OBJECT
    } catch (error) {
      if (error === BAD_JSON) return NOT_JSON
      throw error
    }
  }

  #object(text: Buffer, start: number): JsonMessage | JsonFault {
    const places = new Array<number>(this.#relays.length).fill(0)
    let cuts: number[] | undefined
    let twice: string | undefined
    let relayed = 0
    // A field begins behind the brace or comma before it, and ends before the next comma or brace.
    let from = start + 1
    let at = skipBlanks(text, from)
    let more = text[at] !== Char.closeBrace
    while (more) {
      const value = skipName(text, at)
      const field = this.#find(text, at + 1)
      // There is no name for all other fields.
      if (places[field] !== 0) twice ??= this.#names[field]
      places[field] = value
      at = skipBlanks(text, skipValue(text, value))
      more = text[at] === Char.comma
      if (this.#relays[field]) relayed++
      // The comma before it is cut out too, or the one behind it if no field is left before.
      else cuts = relayed > 0 ? cut(cuts, from - 1, at) : cut(cuts, from, at + 1)
      if (!more) break
      from = at + 1
      at = skipBlanks(text, from)
    }
    if (text[at] !== Char.closeBrace) throw BAD_JSON
    expectEnd(text, at + 1)
    if (twice !== undefined) return { fault: 'twice', why: `Invalid message: "${twice}" is there twice` }
    return new JsonMessage(text, at, this.#names, places, cuts)
  }

  /** The index of the name that begins at `at`, with escapes or without; the number of names if it is none of them. */
  #find(text: Buffer, at: number): number {
    let i = 0
    while (i < this.#names.length && !spells(text, at, this.#names[i] ?? '')) i++
    return i
  }
}

/** Nothing but white space may follow. */
function expectEnd(text: Buffer, at: number): void {
  if (skipBlanks(text, at) !== text.length) throw BAD_JSON
}

/** Notes that the text from `from` to `to` is cut out. */
function cut(cuts: number[] = [], from: number, to: number): number[] {
  if (cuts.at(-1) === from) cuts[cuts.length - 1] = to
  else cuts.push(from, to)
  return cuts
}

/**
 * Whether a string whose first character is at `at` is this name, which is ASCII. Of the escapes only `\u`
 * can stand for one of its characters.
 */
function spells(text: Buffer, at: number, name: string): boolean {
  let place = at
  for (let i = 0; i < name.length; i++) {
    let unit = text[place++]
    if (unit === Char.backslash && text[place] === Char.u) {
      unit = Number.parseInt(text.toString('latin1', place + 1, place + 5), 16)
      place += 5
    }
    if (unit !== name.charCodeAt(i)) return false
  }
  return text[place] === Char.quote
}

const NONE: readonly number[] = []

/** An object that a {@link JsonReader} has read. */
export class JsonMessage {
  readonly #text: Buffer
  /** Where its closing brace is. */
  readonly #end: number
  readonly #names: readonly string[]
  /** Where the values of the fields begin; 0 for those that are not there. */
  readonly #places: readonly number[]
  /** Beginnings and ends of what is not relayed, in order; undefined if all is. */
  readonly #cuts: readonly number[] | undefined

  constructor(
    text: Buffer,
    end: number,
    names: readonly string[],
    places: readonly number[],
    cuts: readonly number[] | undefined,
  ) {
    this.#text = text
    this.#end = end
    this.#names = names
    this.#places = places
    this.#cuts = cuts
  }

  /** Whether it has a field, `null` or not. */
  has(name: string): boolean {
    return this.#placeOf(name) > 0
  }

  /** Whether a field is this string, which is ASCII: asked of each message, and so without making a string of it. */
  is(name: string, value: string): boolean {
    const place = this.#placeOf(name)
    return this.#text[place] === Char.quote && spells(this.#text, place + 1, value)
  }

  /** The text of a field's value; undefined if it is not there. */
  raw(name: string): string | undefined {
    const place = this.#placeOf(name)
    return place > 0 ? this.#text.toString('utf8', place, skipValue(this.#text, place)) : undefined
  }

  /** A field that is a string; undefined if it is anything else. */
  string(name: string): string | undefined {
    const place = this.#placeOf(name)
    return this.#text[place] === Char.quote ? this.#unquote(place, skipString(this.#text, place)) : undefined
  }

  /** A field that is an array of strings; undefined if it is anything else. */
  strings(name: string): string[] | undefined {
    const text = this.#text
    const start = this.#placeOf(name)
    if (text[start] !== Char.openBracket) return undefined
    const strings: string[] = []
    let at = skipBlanks(text, start + 1)
    while (text[at] !== Char.closeBracket) {
      if (text[at] !== Char.quote) return undefined
      const end = skipString(text, at)
      strings.push(this.#unquote(at, end))
      at = skipBlanks(text, end)
      if (text[at] === Char.comma) at = skipBlanks(text, at + 1)
    }
    return strings
  }

  /**
   * A text frame with what is relayed of the sender's text, byte for byte, and `tail` instead of its
   * closing brace.
   *
   * @param tail ASCII, such as `,"clients":3}`. At least one field has to be relayed before it.
   */
  frame(tail: string): Buffer {
    const cuts = this.#cuts ?? NONE
    let length = this.#end
    for (let i = 0; i < cuts.length; i += 2) length -= (cuts[i + 1] ?? 0) - (cuts[i] ?? 0)
    const frame = allocFrame(Opcode.text, length + tail.length)
    let place = frame.length - length - tail.length
    let from = 0
    for (let i = 0; i < cuts.length; i += 2) {
      place += this.#text.copy(frame, place, from, cuts[i])
      from = cuts[i + 1] ?? 0
    }
    place += this.#text.copy(frame, place, from, this.#end)
    frame.write(tail, place, 'latin1')
    return frame
  }

  #placeOf(name: string): number {
    return this.#places[this.#names.indexOf(name)] ?? 0
  }

  #unquote(start: number, end: number): string {
    const raw = this.#text.toString('utf8', start, end)
    return raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1)
  }
}

/**
 * A message of the program that the relay is part of, as if it had come as text.
 *
 * @throws {TypeError} If it cannot be written as a JSON object.
 */
export function messageOf(data: unknown, reader: JsonReader): JsonMessage {
  const text = JSON.stringify(data) as string | undefined
  const message = reader.read(Buffer.from(text ?? ''), false)
  if (message instanceof JsonMessage) return message
  throw new TypeError('data must be an object that can be written as JSON')
}

/** A string as JSON in ASCII, for {@link JsonMessage.frame}. */
export function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Whether a value is a string of 1 to `max` characters (UTF-16 code units). */
export function isName(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= max
}
