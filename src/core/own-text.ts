/** A copy of a text that was cut out of a longer one: V8 keeps the whole text in memory for as long as a part of it. */
export function ownText(text: string): string {
  return Buffer.from(text).toString()
}
