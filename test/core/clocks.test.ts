import { describe, expect, it, onTestFinished } from 'vitest'
import { AdminSessions } from '../../src/admin/admin-sessions.js'
import { MemoryBus } from '../../src/cluster/memory-bus.js'
import { ageClock, wallClock } from '../../src/core/clocks.js'
import { Deadlines } from '../../src/core/deadlines.js'
import { textFrame } from '../../src/core/frame.js'
import { Archive, History } from '../../src/core/history.js'
import { NO_DEADLINES, stopClocks } from '../support/clock.js'
import { startRelay } from '../support/relay.js'
import { SECRET, secondsFromNow, tokenFor } from '../support/tokens.js'

const HOUR = 3600

describe('when the clock leaps ahead (10.4)', () => {
  it('a token ends within a minute after its end, though no timer has passed', async () => {
    const clock = stopClocks()
    const { open } = await startRelay({ ...NO_DEADLINES, jwtSecret: SECRET })
    const client = await open(`/room/doc?token=${await tokenFor({ exp: secondsFromNow(HOUR) })}`)
    await client.settled()
    clock.set(2 * HOUR)
    clock.pass(60)
    expect(await client.next()).toEqual({ code: 1008, reason: 'Invalid authentication token' })
  })

  it('what the authorize hook has granted ends as well', async () => {
    const clock = stopClocks()
    const expires = Date.now() + HOUR * 1000
    const { open } = await startRelay({ ...NO_DEADLINES, authorize: () => ({ expires }) })
    const client = await open('/raw/doc')
    await client.settled()
    clock.set(2 * HOUR)
    clock.pass(60)
    expect(await client.closed()).toMatchObject({ code: 1008 })
  })

  it('a room expires within a minute after its age, and not before', async () => {
    const clock = stopClocks()
    const { open } = await startRelay({ ...NO_DEADLINES, roomExpiry: '2h' })
    const client = await open('/room/doc')
    await client.settled()
    clock.set(HOUR)
    clock.pass(60)
    expect(await client.settled()).toEqual([])
    clock.set(HOUR)
    clock.pass(60)
    expect(await client.json()).toMatchObject({ type: 'room-expired' })
    expect(await client.closed()).toMatchObject({ code: 1000 })
  })

  it("an operator's sign-in ends", () => {
    const clock = stopClocks()
    const signIns = new AdminSessions()
    const cookie = signIns.open({ headers: {}, socket: {} } as never)
    const comes = (): unknown => signIns.idOf({ headers: { cookie: cookie.split(';')[0] } } as never)
    expect(comes()).toBeDefined()
    clock.set(13 * HOUR)
    expect(comes()).toBeUndefined()
  })

  it('a node lets go of members whom others have given up, before anything is said', async () => {
    const clock = stopClocks()
    const bus = new MemoryBus()
    const start = (): ReturnType<typeof startRelay> => startRelay({ ...NO_DEADLINES, backplane: bus.connect() })
    const [one, other] = [await start(), await start()]
    const [ann, ben] = [await one.open('/raw/doc'), await other.open('/raw/doc')]
    // Nodes wait for each other before a room opens, and for the beats of each other.
    const passing = setInterval(() => clock.pass(0.1), 5)
    onTestFinished(() => clearInterval(passing))
    await ann.settled()
    await ben.settled()
    ann.send('before')
    expect(await ben.next()).toEqual({ text: 'before' })
    clock.set(20)
    ann.send('from the past')
    expect(await ben.next()).toMatchObject({ code: 1012 })
  })

  it('what is to take so long takes as long as ever', async () => {
    const clock = stopClocks()
    const { open } = await startRelay({ ...NO_DEADLINES, joinTimeout: '1h' })
    const client = await open('/')
    clock.set(2 * HOUR)
    clock.pass(60)
    expect(await client.settled()).toEqual([])
    clock.pass(HOUR)
    expect(await client.closed()).toMatchObject({ code: 1008 })
  })
})

describe('when the clock is set back (10.4)', () => {
  it('a date comes later, and nothing grows younger', () => {
    const clock = stopClocks()
    const rang: string[] = []
    new Deadlines<string>((name) => rang.push(name), wallClock).set('date', HOUR * 1000)
    new Deadlines<string>((name) => rang.push(name), ageClock).set('age', HOUR * 1000)
    clock.pass(HOUR / 2)
    clock.set(-HOUR / 2)
    clock.pass(HOUR / 2)
    expect(rang).toEqual(['age'])
    clock.pass(HOUR / 2)
    expect(rang).toEqual(['age', 'date'])
  })

  it('a message that is kept for newcomers is forgotten at its age', () => {
    const clock = stopClocks()
    const history = new History(
      new Archive({ history: 9, historyBytes: 0, historyTotalBytes: 0, historyAge: HOUR * 1000 }),
    )
    history.record(textFrame('before'), '')
    const told = (): string[] => history.entries.map(({ text }) => text.toString())
    clock.set(-24 * HOUR)
    history.record(textFrame('after'), '')
    expect(told()).toEqual(['before', 'after'])
    expect(history.entries.map(({ at }) => at)).toEqual([Date.now(), Date.now()])
    clock.pass(HOUR + 1)
    expect(told()).toEqual([])
  })

  it('one that comes from a node whose clock is ahead is as well', () => {
    const clock = stopClocks()
    const history = new History(
      new Archive({ history: 9, historyBytes: 0, historyTotalBytes: 0, historyAge: HOUR * 1000 }),
    )
    history.adopt([{ text: Buffer.from('ahead'), at: Date.now() + 24 * HOUR * 1000, origin: 'n1/1' }])
    expect(history.entries).toHaveLength(1)
    clock.pass(HOUR + 1)
    expect(history.entries).toEqual([])
  })

  it('the uptime goes on', async () => {
    const clock = stopClocks()
    const { relay } = await startRelay()
    clock.pass(100)
    clock.set(-HOUR)
    expect(relay.stats().uptime).toBe(100)
  })
})
