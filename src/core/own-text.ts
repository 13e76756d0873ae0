/** A copy of a text that was cut out of a longer one: V8 keeps all of that for as long as a part of it is kept. */
export function ownText(text: string): string {
  return Buffer.from(text).toString()
}
