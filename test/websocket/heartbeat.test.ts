import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { nextLimit, startRelay } from '../support/relay.js'

describe('the heartbeat', () => {
  it('drops a connection that is silent, and tells the others', async () => {
    const test = await startRelay({ heartbeatInterval: 100 })
    const alive = await test.open('/room/doc')
    await alive.json()
    const report = nextLimit(test.relay)
    const dead = await test.open('/room/doc')
    const { connectionId } = await dead.json()
    // A process that has stopped: its kernel still takes bytes, but nothing answers a ping.
    dead.socket.pause()
    expect(await alive.json()).toMatchObject({ type: 'user-joined' })
    expect(await alive.json()).toEqual({ type: 'user-left', connectionId, userCount: 1 })
    expect(await report).toBe('heartbeat')
  })

  it('pings', async () => {
    const { open } = await startRelay({ heartbeatInterval: 50 })
    const { socket } = await open('/room/doc')
    const [payload] = await once(socket, 'ping')
    expect(payload).toHaveLength(0)
    await once(socket, 'ping')
  })

  it('does not take a sender that is slowed down for dead', async () => {
    const { open } = await startRelay({ throttle: 10, heartbeatInterval: 200 })
    const [a, b] = [await open('/raw/doc'), await open('/raw/doc')]
    for (let i = 0; i < 25; i++) a.send(String(i))
    for (let i = 0; i < 25; i++) expect(await b.next()).toEqual({ text: String(i) })
    await a.settled()
    expect(a.socket.readyState).toBe(WebSocket.OPEN)
  })
})
