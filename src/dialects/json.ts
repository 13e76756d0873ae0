import { isUtf8 } from 'node:buffer'
import { allocFrame, Opcode } from '../core/frame.js'

/** A JSON object as it came: nothing is known of its fields. */
export type JsonObject = Record<string, unknown>

/** What is wrong with a message that is no JSON object. */
export type JsonFault = 'not-json' | 'not-an-object'

/**
 * Reads a JSON object.
 *
 * @param binary Whether it came in a binary frame, whose bytes nobody has checked to be UTF-8 yet.
 */
export function parseObject(data: Buffer, binary: boolean): JsonObject | JsonFault {
  if (binary && !isUtf8(data)) return 'not-json'
  let value: unknown
  try {
    value = JSON.parse(data.toString())
  } catch {
    return 'not-json'
  }
  return isObject(value) ? value : 'not-an-object'
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The text of an object without some of its fields, so that they can be spliced in anew: the sender's
 * own bytes if it has none of them. Undefined if it has, but is nested too deeply to be written anew.
 *
 * @param data The text of `object`.
 */
export function textWithout(data: Buffer, object: JsonObject, fields: readonly string[]): Buffer | undefined {
  if (fields.every((field) => object[field] === undefined)) return data
  const rest = { ...object }
  for (const field of fields) delete rest[field]
  return writeAnew(rest)
}

/** The same with some of its fields and no others. */
export function textWithOnly(data: Buffer, object: JsonObject, fields: readonly string[]): Buffer | undefined {
  if (Object.keys(object).every((field) => fields.includes(field))) return data
  return writeAnew(Object.fromEntries(fields.map((field) => [field, object[field]])))
}

/** An object as JSON text; undefined if it is nested too deeply, since writing takes a stack where reading took none. */
function writeAnew(object: JsonObject): Buffer | undefined {
  try {
    return Buffer.from(JSON.stringify(object))
  } catch {
    return undefined
  }
}

/** A string as JSON in ASCII, for {@link spliceFrame}. */
export function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const CLOSING_BRACE = 0x7d

/**
 * A text frame with the text of a JSON object up to its closing brace, and `tail` instead of that
 * brace: adds fields without writing the object anew.
 *
 * @param data The text of an object that is not empty; it has been parsed, so a brace ends it.
 * @param tail ASCII, such as `,"clients":3}`.
 */
export function spliceFrame(data: Buffer, tail: string): Buffer {
  const brace = data.lastIndexOf(CLOSING_BRACE)
  const frame = allocFrame(Opcode.text, brace + tail.length)
  const start = frame.length - brace - tail.length
  data.copy(frame, start, 0, brace)
  frame.write(tail, start + brace, 'latin1')
  return frame
}

/** Whether a value is a string of 1 to `max` characters (UTF-16 code units). */
export function isName(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= max
}
