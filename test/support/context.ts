import type { Access } from '../../src/core/authority.js'
import type { Cluster } from '../../src/core/cluster.js'
import { type Limits, RelayContext } from '../../src/core/context.js'
import { combineObservers, type Observer } from '../../src/core/observer.js'
import { Session } from '../../src/core/session.js'
import type { Transport } from '../../src/core/transport.js'
import { Dialects } from '../../src/dialects/dialects.js'
import { parseOptions } from '../../src/options/index.js'
import type { Code } from './code.js'
import { decodeFrames } from './frames.js'
import { Inbox } from './inbox.js'

/** A session without a socket: keeps what is written to it. */
export interface Wire {
  session: Session
  /** Text of all frames so far, in order; a close as `close <code>`. */
  seen: string[]
  /** For how many milliseconds each it was to read nothing. */
  pauses: number[]
  receive(message: object | string): void
}

const failing: Partial<Observer> = {
  failed(error) {
    throw error
  },
}

/** The core and the dialects without a server. */
export function createContext(
  limits: Partial<Limits> = {},
  observer: Partial<Observer> = {},
  access: Access = {},
  cluster?: Cluster,
  code: Pick<Code, 'RelayContext'> = { RelayContext },
): RelayContext {
  const combined = combineObservers([{ ...failing, ...observer }])
  return new code.RelayContext({ ...parseOptions({}), ...limits }, combined, access, cluster)
}

let ids = 0

/** Connects a session at a URL. */
export function connect(
  context: RelayContext,
  url: string,
  code: Pick<Code, 'Session' | 'Dialects'> = { Session, Dialects },
  network = '',
): Wire {
  const seen: string[] = []
  const pauses: number[] = []
  const inbox = new Inbox()
  const transport: Transport = {
    address: '',
    network,
    measure: () => ({ received: 0, sent: 0, backlog: 0 }),
    write: (frames) => seen.push(...decodeFrames(frames).map(({ payload }) => payload.toString())),
    close: ({ code }) => seen.push(`close ${code}`),
    hold: () => inbox.hold(),
    release: () => inbox.release(),
    pause: (milliseconds) => pauses.push(milliseconds),
  }
  const [path = '/', query = ''] = url.split('?')
  const hello = { path, query: new URLSearchParams(query), headers: {} }
  const session = new code.Session(context, transport, `id${ids++}`, hello)
  inbox.serve(session)
  session.open(() => new code.Dialects().converse(session, hello))
  return {
    session,
    pauses,
    seen,
    receive: (message) => inbox.send(typeof message === 'string' ? message : JSON.stringify(message)),
  }
}

/** Waits until all rooms are flushed: for two turns of the event loop. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
}
