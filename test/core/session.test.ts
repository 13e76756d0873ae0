import { describe, expect, it } from 'vitest'
import type { Verdict } from '../../src/core/authority.js'
import { closes } from '../../src/core/close-reasons.js'
import { Session } from '../../src/core/session.js'
import type { Transport } from '../../src/core/transport.js'
import { Dialects } from '../../src/dialects/dialects.js'
import { connect, createContext, turn } from '../support/context.js'

describe('a session', () => {
  it('has ended, and is in no room any more, when it closes its transport', () => {
    const context = createContext()
    const found: object[] = []
    const transport: Transport = {
      address: '',
      network: '',
      measure: () => ({ received: 0, sent: 0, backlog: 0 }),
      write() {},
      close: ({ code }) => found.push({ code, ended: session.ended, members: session.members.length }),
      hold() {},
      release() {},
      pause() {},
    }
    const hello = { path: '/raw/doc', query: new URLSearchParams(), headers: {} }
    const session = new Session(context, transport, 'a', hello)
    session.open(() => new Dialects().converse(session, hello))
    expect(session.members).toHaveLength(1)
    session.close(closes.shutdown)
    session.close(closes.tooSlow)
    expect(found).toEqual([{ code: 1001, ended: true, members: 0 }])
    context.stop()
  })

  it('joins at once where the hook answers at once', () => {
    const context = createContext({}, {}, { authorize: () => true })
    const { session } = connect(context, '/raw/doc')
    expect(session.members).toHaveLength(1)
    session.end(1000)
    context.stop()
  })

  it('joins nothing if the hook has closed it meanwhile', () => {
    const sessions: Session[] = []
    const authorize = ({ verb }: { verb: string }): Verdict => {
      if (verb === 'join') sessions[0]?.close(closes.disconnected)
      return true
    }
    const context = createContext({}, { opened: (session) => sessions.push(session as Session) }, { authorize })
    const { session, seen } = connect(context, '/raw/doc')
    expect([seen, session.members, [...context.rooms]]).toEqual([['close 1008'], [], []])
    context.stop()
  })
})

describe('a new token', () => {
  it('has the hook asked about no room behind one that is refused, and takes no right before all is decided', async () => {
    const claims = { user: 'alice', expires: undefined, allows: () => true, mayUseId: () => true }
    const tokens = { identify: async () => claims, check: async () => claims }
    const asked: unknown[] = []
    let later = false
    const authorize = ({ verb, room }: { verb: string; room: string | undefined }): Verdict => {
      if (later) asked.push(`${verb} ${room}`)
      return !(later && room === 'b') && { publish: !later }
    }
    const context = createContext({}, {}, { tokens, authorize })
    const { session, seen, receive } = connect(context, '/y-webrtc')
    await turn()
    receive({ type: 'subscribe', topics: ['a', 'b', 'c'] })
    const [a] = session.members
    later = true
    receive({ type: 'auth', token: 'fresh' })
    await turn()
    expect(asked).toEqual(['connect undefined', 'join a', 'join b'])
    expect([seen, a?.mayPublish]).toEqual([['close 1008'], true])
    context.stop()
  })
})
