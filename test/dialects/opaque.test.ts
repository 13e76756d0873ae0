import { describe, expect, it } from 'vitest'
import { startRelay } from '../support/relay.js'

describe('opaque', () => {
  it.each([
    ['text', '{"looks":"like json"', { text: '{"looks":"like json"' }],
    ['an empty text', '', { text: '' }],
    ['bytes', Buffer.from([0, 255, 1, 254]), { binary: Buffer.from([0, 255, 1, 254]) }],
    ['no bytes', Buffer.alloc(0), { binary: Buffer.alloc(0) }],
  ])('relays %s as it is', async (_what, data, seen) => {
    const { open } = await startRelay()
    const [a, b] = [await open('/raw/doc'), await open('/raw/doc')]
    a.send(data)
    expect(await b.next()).toEqual(seen)
    expect(await a.settled()).toEqual([])
  })

  it('relays a fragmented message whole', async () => {
    const { open } = await startRelay()
    const [a, b] = [await open('/gun'), await open('/gun/')]
    a.socket.send('one ', { fin: false })
    a.socket.send('two ', { fin: false })
    a.socket.send('three', { fin: true })
    expect(await b.next()).toEqual({ text: 'one two three' })
  })

  it.each([
    ['/gun', '/raw/gun'],
    ['/gun/x', '/raw/x'],
    ['/gun', '/gun/x'],
    ['/raw/x', '/raw/X'],
    ['/raw/team/doc', '/raw/team'],
    ['/raw/a%2Fb', '/raw/a/b'],
  ])('keeps %s and %s apart', async (one, other) => {
    const { open } = await startRelay()
    const [a, b, c] = [await open(one), await open(other), await open(`${one}?token=x`)]
    a.send('hello')
    expect(await c.next()).toEqual({ text: 'hello' })
    expect(await b.settled()).toEqual([])
  })

  it.each([
    ['/raw', 'Room required. Use /raw/{room}'],
    ['/raw/', 'Room required. Use /raw/{room}'],
    [`/raw/${'x'.repeat(257)}`, 'Room name too long. Use at most 256 characters.'],
    [`/gun/${'x'.repeat(257)}`, 'Room name too long. Use at most 256 characters.'],
  ])('closes %.20s with 1008', async (path, reason) => {
    const { open } = await startRelay()
    expect(await (await open(path)).closed()).toEqual({ code: 1008, reason })
  })
})
