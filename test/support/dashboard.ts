import { onTestFinished } from 'vitest'
import type { Update } from '../../src/admin/updates.js'
import type { RelayOptions } from '../../src/index.js'
import { startRelay, type TestRelay } from './relay.js'

export const TOKEN = 'correct-horse-battery-staple'

/** Sends a form as a browser does that shows a page of the relay. */
export async function post(
  http: string,
  name: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  const own = { 'Sec-Fetch-Site': 'same-origin' }
  const body = new URLSearchParams(form)
  return await fetch(`${http}/dashboard/${name}`, {
    method: 'POST',
    body,
    headers: { ...own, ...headers },
    redirect: 'manual',
  })
}

/** Signs in. @returns The cookie to come with. */
export async function signIn(http: string): Promise<string> {
  const answer = await post(http, 'sign-in', { token: TOKEN })
  return answer.headers.get('set-cookie')?.split(';')[0] ?? ''
}

/** A stream of updates, read one by one. */
interface Tab {
  next(): Promise<Update>
  /** The next update of which this is true. */
  until(wanted: (update: Update) => boolean): Promise<Update>
  /** Resolves when the relay ends the stream. */
  ended(): Promise<void>
  close(): Promise<void>
}

export interface Operator extends TestRelay {
  cookie: string
  act(name: string, form: Record<string, string>): Promise<Response>
  openTab(query?: string): Promise<Tab>
}

/** A relay with a dashboard, and somebody who has signed in. */
export async function startOperator(options: RelayOptions = {}): Promise<Operator> {
  const relay = await startRelay({ adminToken: TOKEN, ...options })
  const cookie = await signIn(relay.http)
  return {
    ...relay,
    cookie,
    act: (name, form) => post(relay.http, name, form, { cookie }),
    openTab: async (query = '') => {
      const tab = await openTab(`${relay.http}/dashboard/events${query}`, cookie)
      onTestFinished(tab.close)
      return tab
    },
  }
}

async function openTab(url: string, cookie: string): Promise<Tab> {
  const abort = new AbortController()
  const answer = await fetch(url, { headers: { cookie }, signal: abort.signal })
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`)
  const updates = read(answer)
  const next = async (): Promise<Update> => {
    const { done, value } = await updates.next()
    if (done) throw new Error('the stream has ended')
    return value
  }
  return {
    next,
    async until(wanted) {
      for (;;) {
        const update = await next()
        if (wanted(update)) return update
      }
    },
    async ended() {
      try {
        while (!(await updates.next()).done) {}
      } catch {
        // Cut is ended, too.
      }
    },
    async close() {
      abort.abort()
      await updates.return(undefined).catch(() => {})
    },
  }
}

/** The data of each event: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation */
async function* read({ body }: Response): AsyncGenerator<Update, void> {
  let text = ''
  for await (const chunk of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const events = (text + chunk).split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      const [, data] = /^data: (.*)$/m.exec(event) ?? []
      if (data !== undefined) yield JSON.parse(data) as Update
    }
  }
}
