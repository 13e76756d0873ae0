import type { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Recorder } from '../../src/admin/recorder.js'
import { RoomInspector, type View } from '../../src/admin/room-inspector.js'
import { UpdateStream } from '../../src/admin/update-stream.js'
import type { State, Update } from '../../src/admin/updates.js'
import type { RelayContext } from '../../src/core/context.js'
import { RoomNameHasher } from '../../src/observability/room-names.js'
import { connect, createContext, turn } from '../support/context.js'
import { startOperator } from '../support/dashboard.js'

const state: State = { version: '1', status: 'healthy', reasons: [], uptime: 1, cluster: null }
const view: View = { order: 'members', room: undefined, memberOrder: 'backlog' }

/** A stream whose time passes when the test says so. */
function createStream(context: RelayContext = createContext()): {
  updates: UpdateStream
  inspector: RoomInspector
  pass(seconds: number): void
} {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] })
  const recorder = new Recorder(context)
  const inspector = new RoomInspector(context.rooms, new RoomNameHasher({ logRoomNames: true, logKey: '' }))
  const updates = new UpdateStream(context, inspector, recorder, () => state)
  onTestFinished(() => {
    updates.stop()
    recorder.stop()
    vi.useRealTimers()
  })
  return { updates, inspector, pass: (seconds) => void vi.advanceTimersByTime(seconds * 1000) }
}

/** What has come so far. */
function updatesOf(body: Readable | undefined): Update[] {
  const text = String(body?.read() ?? '')
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '') as Update)
}

describe('the updates of the dashboard', () => {
  it('tells each tab once a second how things are, whenever it was opened', () => {
    const { updates, pass } = createStream()
    const first = updates.open(view, 0, () => true)
    expect(updatesOf(first)).toHaveLength(1)
    pass(0.5)
    const second = updates.open(view, 0, () => true)
    expect(updatesOf(second)).toHaveLength(1)
    let [ofFirst, ofSecond] = [0, 0]
    for (let i = 0; i < 10; i++) {
      pass(1)
      ofFirst += updatesOf(first).length
      ofSecond += updatesOf(second).length
    }
    expect([ofFirst, ofSecond]).toEqual([10, 9])
  })

  it('has the last hour when a tab is opened, and then what is new', () => {
    const { updates, pass } = createStream()
    pass(2 * 3600)
    const [all] = updatesOf(updates.open(view, 0, () => true))
    expect(all?.samples?.time).toHaveLength(720)
    expect(all?.samples?.memory).toHaveLength(720)
    const latest = all?.samples?.time.at(-1) ?? 0
    const body = updates.open(view, latest, () => true)
    expect(updatesOf(body)[0]).not.toHaveProperty('samples')
    for (let i = 0; i < 4; i++) pass(1)
    expect(updatesOf(body).flatMap(({ samples }) => samples?.time ?? [])).toEqual([])
    pass(2)
    expect(updatesOf(body).flatMap(({ samples }) => samples?.time ?? [])).toEqual([latest + 5000])
  })

  it('begins anew when the clock was set back, and tells open tabs all of it (10.4)', () => {
    const { updates, pass } = createStream()
    pass(3600)
    const body = updates.open(view, 0, () => true)
    const before = updatesOf(body)[0]?.samples?.time.at(-1) ?? 0
    vi.setSystemTime(Date.now() - 1_800_000)
    const times: number[] = []
    for (let i = 0; i < 10; i++) {
      pass(1)
      times.push(...updatesOf(body).flatMap(({ samples }) => samples?.time ?? []))
    }
    expect(times).toHaveLength(2)
    for (const time of times) expect(time).toBeLessThan(before - 1_700_000)
    // A tab that comes back with a moment that is still to come.
    expect(updatesOf(updates.open(view, before, () => true))[0]?.samples?.time).toEqual(times)
  })

  it('costs nothing when the last tab is closed', async () => {
    const { updates, inspector, pass } = createStream()
    const timers = vi.getTimerCount()
    const look = vi.spyOn(inspector, 'refresh')
    const bodies = [updates.open(view, 0, () => true), updates.open(view, 0, () => true)]
    expect(vi.getTimerCount()).toBe(timers + 1)
    for (const body of bodies) body?.destroy()
    await turn()
    expect(updates.size).toBe(0)
    expect(vi.getTimerCount()).toBe(timers)
    look.mockClear()
    pass(10)
    expect(look).not.toHaveBeenCalled()
  })

  it('goes through the rooms once a second, however many tabs there are', () => {
    const { updates, inspector, pass } = createStream()
    for (let i = 0; i < 5; i++) updates.open(view, 0, () => true)
    const look = vi.spyOn(inspector, 'refresh')
    pass(3)
    expect(look).toHaveBeenCalledTimes(3)
  })

  it('is for 16 tabs', () => {
    const { updates } = createStream()
    const bodies = Array.from({ length: 17 }, () => updates.open(view, 0, () => true))
    expect(bodies.map((body) => body !== undefined)).toEqual([...new Array<boolean>(16).fill(true), false])
  })

  it('keeps nothing back for a tab that does not read, and gives it up in the end', async () => {
    const { updates, pass } = createStream()
    const body = updates.open(view, 0, () => true)
    const { readableLength } = body ?? { readableLength: 0 }
    pass(20)
    expect(body?.readableLength).toBe(readableLength)
    expect(updates.size).toBe(1)
    pass(20)
    await turn()
    expect(updates.size).toBe(0)
  })

  it('ends with the sign-in', () => {
    const { updates, pass } = createStream()
    let good = true
    updates.open(view, 0, () => good)
    pass(1)
    expect(updates.size).toBe(1)
    good = false
    pass(1)
    expect(updates.size).toBe(0)
  })

  it('tells rates once it has looked twice, and the room that is looked into', async () => {
    const context = createContext()
    const { updates, pass } = createStream(context)
    const [ann] = [connect(context, '/raw/doc'), connect(context, '/raw/doc'), connect(context, '/raw/other')]
    const body = updates.open(view, 0, () => true)
    const [first] = updatesOf(body)
    expect(first?.rooms?.map(({ name, members, messages }) => ({ name, members, messages }))).toEqual([
      { name: 'raw/doc', members: 2, messages: null },
      { name: 'raw/other', members: 1, messages: null },
    ])
    for (let i = 0; i < 5; i++) ann?.receive('hello')
    await turn()
    pass(1)
    const [second] = updatesOf(body)
    expect(second?.now).toMatchObject({ connections: 3, rooms: 2, messagesIn: 5, messagesOut: 5 })
    expect(second?.rooms?.[0]).toMatchObject({ name: 'raw/doc', messages: 5, bytes: 35 })

    const key = second?.rooms?.[0]?.key
    const into = updates.open({ ...view, room: key, memberOrder: 'messages' }, 0, () => true)
    expect(updatesOf(into)[0]?.room?.list).toHaveLength(2)
    pass(1)
    updatesOf(into)
    ann?.receive('again')
    await turn()
    pass(1)
    const { room } = updatesOf(into).at(-1) ?? {}
    expect(room?.list.map(({ id }) => id)[0]).toBe(ann?.session.id)
    ann?.session.end(1000)
    pass(1)
    expect(updatesOf(into)[0]?.room?.list).toHaveLength(1)
  })

  it('ranks rooms as each tab wants them', async () => {
    const context = createContext()
    const { updates, pass } = createStream(context)
    connect(context, '/raw/old')
    pass(10)
    const [busy] = [connect(context, '/raw/busy'), connect(context, '/raw/full'), connect(context, '/raw/full')]
    pass(10)
    connect(context, '/raw/new')
    const orders = ['members', 'messages', 'oldest', 'newest'] as const
    const bodies = orders.map((order) => updates.open({ ...view, order }, 0, () => true))
    const firsts = (): unknown[] => bodies.map((body) => updatesOf(body).at(-1)?.rooms?.[0]?.name)
    firsts()
    pass(1)
    firsts()
    busy?.receive('hello')
    await turn()
    pass(1)
    expect(firsts()).toEqual(['raw/full', 'raw/busy', 'raw/old', 'raw/new'])
  })
})

describe('a tab', () => {
  it('sees no name without LOG_ROOM_NAMES, in whatever it looks', async () => {
    const { openTab, open } = await startOperator()
    await open('/room/secret-room?nickname=secret-nick')
    const tab = await openTab()
    const first = await tab.next()
    const [row] = first.rooms ?? []
    expect(row?.name).toMatch(/^[\da-f]{12}$/)
    const into = await openTab(`?room=${row?.key}`)
    const second = await into.next()
    expect(second.room?.list).toMatchObject([{ dialect: 'impossible-writer', address: '127.0.0.1', names: [] }])
    expect(JSON.stringify([first, second])).not.toContain('secret')
  })

  it('sees the names with LOG_ROOM_NAMES', async () => {
    const { openTab, open } = await startOperator({ logRoomNames: true })
    await open('/room/doc?nickname=Ann')
    const tab = await openTab()
    const [row] = (await tab.next()).rooms ?? []
    expect(row?.name).toBe('doc')
    const into = await openTab(`?room=${row?.key}`)
    expect((await into.next()).room?.list[0]?.names).toEqual(['Ann'])
  })

  it('is told what a connection carries and how long it lasts', async () => {
    const { openTab, open } = await startOperator()
    const [ann, ben] = [await open('/raw/x'), await open('/raw/x')]
    const tab = await openTab()
    const key = (await tab.next()).rooms?.[0]?.key
    const into = await openTab(`?room=${key}&memberOrder=received`)
    await into.next()
    ann.send('x'.repeat(10_000))
    await ben.next()
    const { room } = await into.until((update) => (update.room?.list[0]?.received ?? 0) > 0)
    const [first, second] = room?.list ?? []
    expect(first?.messages).toBeGreaterThan(0)
    expect(second?.sent).toBeGreaterThan(0)
    expect(second?.messages).toBe(0)
    expect(first?.backlog).toBe(0)
  })

  it('ends when the relay has stopped', async () => {
    const { openTab, relay } = await startOperator()
    const tab = await openTab()
    await tab.next()
    const ended = tab.ended()
    await relay.close({ drain: 0 })
    await ended
  })
})
