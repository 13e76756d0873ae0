import type { Readable } from 'node:stream'

export type ResponseHeaders = Readonly<Record<string, string | string[]>>

/** The answer to a request. Its writer adds the length, and the headers that all of them have. */
export interface Response {
  readonly status: number
  readonly headers: ResponseHeaders
  /** A stream is sent as it comes, as far as the client reads, and has no deadline. */
  readonly body: string | Buffer | Readable
}

/** A response whose body can be logged. */
export interface TextResponse extends Response {
  readonly body: string
}

/** A refusal ends the connection, so each attempt costs one, and the limits of the address bound them. */
export const HANG_UP = { Connection: 'close' }

export const UNCACHED = { 'Cache-Control': 'no-store' }

export function textResponse(status: number, body: string, headers: ResponseHeaders = {}): TextResponse {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body }
}

export function htmlResponse(status: number, body: string, headers: ResponseHeaders = {}): TextResponse {
  return { status, headers: { 'Content-Type': 'text/html; charset=utf-8', ...headers }, body }
}

/** A value that no cache keeps. */
export function jsonResponse(status: number, value: object, headers: ResponseHeaders = {}): TextResponse {
  const type = { 'Content-Type': 'application/json; charset=utf-8' }
  return { status, headers: { ...type, ...UNCACHED, ...headers }, body: `${JSON.stringify(value, null, 2)}\n` }
}
