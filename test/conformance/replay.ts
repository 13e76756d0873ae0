import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { Client, type Seen } from '../support/client.js'

type Expected =
  | { frame: 'text' | 'binary'; json: unknown }
  | { frame: 'text'; raw: string }
  | { closed: number; reason: string }

type Verb = 'open' | 'send' | 'sendBinary' | 'burst' | 'close' | 'drop' | 'wait'

/** A conversation recorded from one of the reference relays. */
export interface Transcript {
  name: string
  dialect: string
  why: string
  steps: { do: [Verb, ...unknown[]]; got: Record<string, Expected[]> }[]
}

/** All recorded conversations. */
export function transcripts(): Transcript[] {
  const folder = new URL('.', import.meta.url)
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Transcript)
}

/**
 * Has clients say what was recorded, and compares what each of them sees, step by step.
 *
 * @param urls Relays; the clients are spread over them in turn.
 * @param at Where the dialect lives, instead of `/`.
 * @param between What to wait for after each step, with those who are still connected.
 */
export async function replay(
  transcript: Transcript,
  urls: readonly string[],
  at = '/',
  between = async (_clients: Client[]): Promise<void> => {},
): Promise<void> {
  const clients = new Map<string, Client>()
  const names = new Map<string, unknown>()
  let opened = 0
  try {
    for (const { do: step, got } of transcript.steps) {
      const [verb, who, what, more] = step as [Verb, string, unknown, unknown]
      if (verb === 'open') {
        const url = urls[opened++ % urls.length] + (what === '/' ? at : String(what))
        clients.set(who, await Client.open(url))
        // The pauses of the conversation as it was recorded.
      } else if (verb === 'wait') await new Promise((resolve) => setTimeout(resolve, Number(who)))
      else act(verb, clients.get(who) as Client, what, more)
      for (const [name, client] of clients) {
        const wanted = got[name] ?? []
        const seen = await see(client, wanted.length)
        expect(seen, `${JSON.stringify(step).slice(0, 100)} as ${name} saw it`).toEqual(fill(wanted, seen, names))
      }
      await between([...clients.values()].filter(({ socket }) => socket.readyState === socket.OPEN))
    }
  } finally {
    for (const client of clients.values()) client.drop()
  }
}

/** At least so many entries, and whatever the relay has sent beyond them. */
async function see(client: Client, count: number): Promise<Expected[]> {
  const seen: Expected[] = []
  while (seen.length < count) seen.push(entryOf(await client.next()))
  if (client.socket.readyState === client.socket.OPEN) seen.push(...(await client.settled()).map(entryOf))
  return seen
}

function act(verb: Verb, client: Client, what: unknown, more: unknown): void {
  if (verb === 'send') client.send(what as object | string)
  else if (verb === 'sendBinary') client.send(Buffer.from(JSON.stringify(what)))
  else if (verb === 'burst') for (let i = 0; i < Number(what); i++) client.send(more as object)
  else if (verb === 'close') client.socket.close(1000)
  else client.drop()
}

function entryOf(seen: Seen): Expected {
  if ('code' in seen) return { closed: seen.code, reason: seen.reason }
  const [frame, text] =
    'binary' in seen ? (['binary', seen.binary.toString()] as const) : (['text', seen.text] as const)
  return { frame, json: JSON.parse(text) as unknown }
}

/** Fills in what a recording leaves open: `$name` is whatever it stood for first, `$time` any time that is near. */
function fill(expected: unknown, actual: unknown, names: Map<string, unknown>): unknown {
  if (expected === '$time') return expect.toSatisfy((time: number) => Math.abs(time - Date.now()) < 10_000)
  if (typeof expected === 'string' && expected.startsWith('$')) {
    if (!names.has(expected) && isNew(actual, names)) names.set(expected, actual)
    return names.get(expected) ?? expected
  }
  if (Array.isArray(expected)) return expected.map((item, i) => fill(item, (actual as unknown[])?.[i], names))
  if (typeof expected !== 'object' || expected === null) return expected
  const other = (actual ?? {}) as Record<string, unknown>
  return Object.fromEntries(Object.entries(expected).map(([key, value]) => [key, fill(value, other[key], names)]))
}

function isNew(value: unknown, names: Map<string, unknown>): boolean {
  return typeof value === 'string' && value !== '' && ![...names.values()].includes(value)
}
