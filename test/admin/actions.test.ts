import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { MemoryBus } from '../../src/index.js'
import { startCommand } from '../support/command.js'
import { post, signIn, startOperator, TOKEN } from '../support/dashboard.js'
import { startRelay } from '../support/relay.js'

describe('an operator', () => {
  it('closes a room: its members are told so, and nothing else ends', async () => {
    const { act, open, openTab, relay } = await startOperator()
    const [ann, ben, eve] = [await open('/room/doc'), await open('/room/doc'), await open('/room/other')]
    await eve.next()
    const tab = await openTab()
    const { rooms = [] } = await tab.next()
    const key = rooms.find(({ members }) => members === 2)?.key ?? ''
    const removed = once(relay, 'room-removed')
    const answer = await act('close-room', { room: key })
    expect([answer.status, await answer.text()]).toEqual([200, 'Room closed: 2 disconnected.'])
    for (const client of [ann, ben]) {
      expect(await client.closed()).toEqual({ code: 1008, reason: 'Room closed by an operator' })
    }
    expect(await removed).toEqual([{ dialect: 'impossible-writer', room: 'doc', why: 'closed' }])
    expect(await eve.settled()).toEqual([])
    const again = await act('close-room', { room: key })
    expect([again.status, await again.text()]).toEqual([404, 'That room is gone.'])
  })

  it('does not have those hear of each other who leave a room that is closed', async () => {
    const { act, open, openTab } = await startOperator()
    const ann = await open('/room/doc')
    await open('/room/doc')
    await ann.next()
    expect(await ann.json()).toMatchObject({ type: 'user-joined' })
    const tab = await openTab()
    await act('close-room', { room: (await tab.next()).rooms?.[0]?.key ?? '' })
    expect(await ann.next()).toMatchObject({ code: 1008 })
  })

  it('disconnects a member; the others hear that it left', async () => {
    const { act, open, openTab } = await startOperator()
    const ann = await open('/room/doc')
    const { connectionId } = await ann.json()
    const ben = await open('/room/doc')
    await ben.json()
    const tab = await openTab()
    const room = (await tab.next()).rooms?.[0]?.key ?? ''
    const answer = await act('disconnect', { room, member: String(connectionId) })
    expect([answer.status, await answer.text()]).toEqual([200, 'Member disconnected.'])
    expect(await ann.closed()).toEqual({ code: 1008, reason: 'Disconnected by an operator' })
    expect(await ben.json()).toMatchObject({ type: 'user-left', connectionId })
    expect((await act('disconnect', { room, member: String(connectionId) })).status).toBe(404)
  })

  it('drains the node only with the word typed', async () => {
    const { act, open, relay } = await startOperator()
    const client = await open('/raw/x')
    for (const confirm of ['', 'yes', 'Drain']) expect((await act('drain', { confirm })).status).toBe(400)
    const closing = once(relay, 'closing')
    expect((await act('drain', { confirm: 'drain' })).status).toBe(202)
    await closing
    expect(await client.closed()).toMatchObject({ code: 1001 })
    await relay.close()
  })

  it('ends the command by draining it, with exit code 0, and the log tells who did what', async () => {
    const { child, port, log } = await startCommand({ ADMIN_TOKEN: TOKEN, DRAIN: '0', NODE_ENV: 'production' })
    const http = `http://127.0.0.1:${port}`
    const cookie = await signIn(http)
    // A tab that is open must not keep it alive.
    await fetch(`${http}/dashboard/events`, { headers: { cookie } })
    const exit = once(child, 'exit')
    expect((await post(http, 'drain', { confirm: 'drain' }, { cookie })).status).toBe(202)
    expect(await exit).toEqual([0, null])
    const lines = log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const of = (message: string): unknown => lines.find((line) => line['message'] === message)
    expect(of('Signed in to the dashboard')).toMatchObject({ address: '127.0.0.1' })
    expect(of('Drain started from the dashboard')).toMatchObject({ address: '127.0.0.1' })
    expect(of('Relay stopped')).toBeDefined()
    expect(log()).not.toContain(TOKEN)
  })

  it('sees all nodes together, and closes a room on its own node: the others hear who left', async () => {
    const bus = new MemoryBus()
    const [here, there] = [
      await startOperator({ backplane: bus.connect() }),
      await startRelay({ backplane: bus.connect() }),
    ]
    const ann = await here.open('/room/doc')
    const { connectionId } = await ann.json()
    const ben = await there.open('/room/doc')
    expect(await ben.json()).toMatchObject({ userCount: 2 })
    const tab = await here.openTab()
    const { state, rooms = [] } = await tab.until((update) => update.state.cluster?.connections === 2)
    expect(state.cluster).toEqual({ nodes: 2, connections: 2, rooms: 1 })
    expect(rooms[0]?.members).toBe(1)
    await here.act('close-room', { room: rooms[0]?.key ?? '' })
    expect(await ben.json()).toMatchObject({ type: 'user-left', connectionId, userCount: 1 })
    expect(await ann.closed()).toMatchObject({ code: 1008 })
  })
})
