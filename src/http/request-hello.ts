import type { IncomingMessage } from 'node:http'
import type { Hello } from '../core/authority.js'
import { copyText } from '../core/copies.js'
import { pathOf, queryOf, targetOf } from './request.js'

/** The one header of which there may be several, RFC 6265 section 3. */
const SET_COOKIE = 'set-cookie'

/**
 * What a request said, for hooks that are asked later: a copy without the request and its socket, at most
 * as long as the target and the headers. It is parsed anew each time it is read.
 */
export class RequestHello implements Hello {
  readonly path: string
  readonly #query: string
  /** The name and the value of each header, in lines of their own: none has a line break in it. */
  readonly #headers: string

  /**
   * @param path Where it differs from the request's, under a prefix.
   * @param asked Whether anybody may ask for the headers. If not they are left out: most relays need no copy.
   */
  constructor(request: IncomingMessage, path = pathOf(targetOf(request)), asked = true) {
    this.path = copyText(path)
    this.#query = queryOf(targetOf(request))
    this.#headers = asked ? linesOf(request) : ''
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.#query)
  }

  get headers(): Hello['headers'] {
    if (this.#headers === '') return {}
    const lines = this.#headers.split('\n')
    const headers = new Map<string, string | string[]>()
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [name = '', value = ''] = lines.slice(i, i + 2)
      headers.set(name, name === SET_COOKIE ? [...(headers.get(name) ?? []), value] : value)
    }
    return Object.fromEntries(headers)
  }
}

function linesOf(request: IncomingMessage): string {
  const lines: string[] = []
  // A loop: `flatMap` takes seven times as long.
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === 'string') lines.push(name, value)
    else for (const each of value ?? []) lines.push(name, each)
  }
  return lines.join('\n')
}
