import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createId } from '../../src/websocket/connection-id.js'
import { startRelay } from '../support/relay.js'

describe('the connections of a relay', () => {
  it('are no more than maxConnections: the upgrade of one more is answered with 503', async () => {
    const { open, url } = await startRelay({ maxConnections: 2 })
    const [first] = [await open('/room/a'), await open('/room/b')]
    const status = async (): Promise<number | undefined> => {
      const socket = new WebSocket(`${url}/room/c`)
      socket.on('error', () => {})
      const [request, response] = await once(socket, 'unexpected-response')
      request.destroy()
      return response.statusCode
    }
    expect(await status()).toBe(503)
    await first.leave()
    const third = await open('/room/c')
    expect(await third.json()).toMatchObject({ type: 'connected' })
    expect(await status()).toBe(503)
  })

  it('have ids that are unguessable, also when thousands come at once', () => {
    const ids = Array.from({ length: 2000 }, createId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/)
    // Each of the 16 places has each of the 16 digits.
    for (let place = 0; place < 16; place++) expect(new Set(ids.map((id) => id[place])).size).toBe(16)
  })

  it('that are open when the relay closes are closed with 1001, and new ones are refused meanwhile', async () => {
    const { relay, open, http } = await startRelay()
    const clients = await Promise.all(Array.from({ length: 3 }, () => open('/raw/doc')))
    const closed = relay.close({ drain: 200 })
    const late = new WebSocket(`${http.replace('http', 'ws')}/raw/doc`)
    late.on('error', () => {})
    const [request, response] = await once(late, 'unexpected-response')
    request.destroy()
    expect(response.statusCode).toBe(503)
    for (const client of clients) expect(await client.closed()).toMatchObject({ code: 1001 })
    await closed
    expect(relay.stats().currentConnections).toBe(0)
  })
})
