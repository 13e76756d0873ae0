import { describe, expect, it } from 'vitest'
import { startRelay } from '../support/relay.js'

const error = (code: string, message: string): object => ({ type: 'error', message, code })

describe('impossible-writer', () => {
  it.each(['/room/doc', '/room/doc/', '/?room=doc', '/elsewhere?room=doc', '/room/doc/extra?room=other'])(
    'finds the room of %s',
    async (path) => {
      const { open } = await startRelay()
      expect(await (await open(path)).json()).toMatchObject({ type: 'connected', roomId: 'doc' })
    },
  )

  it.each([
    ['/room', 'Room ID required. Use /room/{roomId} or /?room={roomId}'],
    ['/elsewhere', 'Room ID required. Use /room/{roomId} or /?room={roomId}'],
    ['/room/a%20b', 'Invalid room ID format. Use alphanumeric characters, dash, or underscore only.'],
    ['/?room=ä', 'Invalid room ID format. Use alphanumeric characters, dash, or underscore only.'],
    [`/room/${'x'.repeat(129)}`, 'Invalid room ID format. Use at most 128 characters.'],
    [`/room/a?nickname=${'x'.repeat(65)}`, 'Invalid nickname. Use 1 to 64 characters, no control characters.'],
    ['/room/a?nickname=a%0Ab', 'Invalid nickname. Use 1 to 64 characters, no control characters.'],
  ])('closes %s with 1008', async (path, reason) => {
    const { open } = await startRelay()
    expect(await (await open(path)).closed()).toEqual({ code: 1008, reason })
  })

  it('takes a room id of 128 characters', async () => {
    const { open } = await startRelay()
    const roomId = 'x'.repeat(128)
    expect(await (await open(`/room/${roomId}`)).json()).toMatchObject({ roomId })
  })

  it('carries nicknames in the notices', async () => {
    const { open } = await startRelay()
    const ann = await open('/room/doc')
    await ann.json()
    const ben = await open('/room/doc?nickname=Ben%20%F0%9F%90%BB')
    const { connectionId } = await ben.json()
    expect(await ann.json()).toEqual({ type: 'user-joined', connectionId, nickname: 'Ben 🐻', userCount: 2 })
    await ben.leave()
    expect(await ann.json()).toEqual({ type: 'user-left', connectionId, nickname: 'Ben 🐻', userCount: 1 })
  })

  it.each([
    ['{', 'PARSE_ERROR', 'Invalid message format - must be valid JSON'],
    ['', 'PARSE_ERROR', 'Invalid message format - must be valid JSON'],
    ['\ufeff{"type":"a"}', 'PARSE_ERROR', 'Invalid message format - must be valid JSON'],
    ['{"type":"a"} {}', 'PARSE_ERROR', 'Invalid message format - must be valid JSON'],
    ['null', 'INVALID_MESSAGE', 'Message must have a type field'],
    ['true', 'INVALID_MESSAGE', 'Message must have a type field'],
    ['{}', 'INVALID_MESSAGE', 'Message must have a type field'],
    ...['""', 'null', 'false', '0', '-0.0e7', '1e-400'].map((type) => [
      `{"type":${type}}`,
      'INVALID_MESSAGE',
      'Message must have a type field',
    ]),
    ['{"__proto__":{"type":"a"}}', 'INVALID_MESSAGE', 'Message must have a type field'],
    ['['.repeat(100_000), 'PARSE_ERROR', 'Invalid message format - must be valid JSON'],
    ...['connected', 'user-joined', 'user-left', 'room-expired', 'server-shutdown', 'error', 'history'].map((type) => [
      JSON.stringify({ type }),
      'INVALID_MESSAGE',
      `The type "${type}" is reserved for the relay`,
    ]),
    ['{"t\\u0079pe":"room-expired"}', 'INVALID_MESSAGE', 'The type "room-expired" is reserved for the relay'],
    ['{"type":"\\u0065rror"}', 'INVALID_MESSAGE', 'The type "error" is reserved for the relay'],
    // A client that uses it as a key takes it for its element.
    ['{"type":[ [\n"\\u0065rror"] ]}', 'INVALID_MESSAGE', 'The type "error" is reserved for the relay'],
  ])('answers %.40s with %s, to its sender alone', async (text, code, message) => {
    const { open } = await startRelay()
    const ann = await open('/room/doc')
    const ben = await open('/room/doc')
    await ben.json()
    await ann.json()
    await ann.json()
    ann.send(text)
    expect(await ann.json()).toEqual(error(code, message))
    ann.send({ type: 'still here' })
    expect(await ben.json()).toMatchObject({ type: 'still here' })
  })

  it('answers a binary frame that is not UTF-8 with PARSE_ERROR, since it would end up in a text frame', async () => {
    const { open } = await startRelay()
    const ann = await open('/room/doc')
    await ann.json()
    ann.send(Buffer.from('{"type":"a","x":"\xff"}', 'latin1'))
    expect(await ann.json()).toMatchObject({ code: 'PARSE_ERROR' })
  })

  it.each([
    ['{"type":"a","connectionId":"forged"}', {}],
    ['{"timestamp":1,"type":"a","keep":[1,{"connectionId":"inner"}]}', { keep: [1, { connectionId: 'inner' }] }],
    ['{"type":"a","connection\\u0049d":"forged"}', {}],
    ['{"type":"a","connectionId":null,"timestamp":"forged"}', {}],
    [' \n{"type":"a" , "text":"}"}\t\r\n ', { text: '}' }],
    ['{"type":"a","__proto__":{"connectionId":"forged"}}', JSON.parse('{"__proto__":{"connectionId":"forged"}}')],
    ['{"type":"a","text":"über 漢字 🐻 \\ud800"}', { text: 'über 漢字 🐻 \ud800' }],
  ])('stamps %s so that who and when are the relay’s own', async (text, rest) => {
    const { open } = await startRelay()
    const ann = await open('/room/doc')
    const { connectionId } = await ann.json()
    const ben = await open('/room/doc')
    await ben.json()
    const before = Date.now()
    ann.send(text)
    const message = await ben.json()
    expect(message).toEqual({ ...(rest as object), type: 'a', connectionId, timestamp: expect.any(Number) })
    expect(message['timestamp']).toBeGreaterThanOrEqual(before)
    expect(Object.keys(message).filter((key) => key === 'connectionId')).toHaveLength(1)
  })

  it('cuts a forged stamp out of a message of any depth (10.12)', async () => {
    const { open } = await startRelay()
    const ann = await open('/room/doc')
    const ben = await open('/room/doc')
    await ben.json()
    const deep = `${'['.repeat(50_000)}12345678901234567890${']'.repeat(50_000)}`
    ann.send(`{"type":"a","connectionId":"x","deep":${deep}}`)
    expect(await ben.next()).toHaveProperty('text', expect.stringContaining(`{"type":"a","deep":${deep},"conn`))
  })

  it.each([
    '{"type":"error","type":"c"}',
    '{"type":"c","type":"error"}',
    '{"type":"c","x":1,"t\\u0079pe":"c"}',
    '{"type":"c","token":1,"token":2}',
    '{"type":"c","timestamp":1,"timestamp":1}',
    '{"timest\\u0061mp":1,"type":"c","timestamp":1}',
    '{"type":"c","connectionId":"x","connectionId":"y","timestamp":1}',
  ])('refuses %s, of which parsers read either (10.13)', async (text) => {
    const { open } = await startRelay()
    const ann = await open('/room/doc')
    const ben = await open('/room/doc')
    await ben.json()
    await ann.json()
    await ann.json()
    ann.send(text)
    const field = ['token', 'connectionId', 'timestamp'].find((name) => text.includes(name)) ?? 'type'
    expect(await ann.json()).toEqual(error('INVALID_MESSAGE', `Invalid message: "${field}" is there twice`))
    expect(await ben.settled()).toEqual([])
  })

  it.each(['5', '-1e7', '1e400', 'true', '{"a":1}', '{}', '[]', '["a"]', '["error","a"]', '[{"error":1}]'])(
    'relays a message whose type is %s (10.14)',
    async (type) => {
      const { open } = await startRelay()
      const ann = await open('/room/doc')
      const ben = await open('/room/doc')
      await ben.json()
      ann.send(`{"type":${type},"n":1.10}`)
      expect(await ben.next()).toHaveProperty('text', expect.stringMatching(/^\{"type":.+,"n":1\.10,"connectionId":/))
    },
  )

  it('gives ids that nobody can guess', async () => {
    const { open } = await startRelay()
    const ids = new Set<unknown>()
    for (let i = 0; i < 20; i++) ids.add((await (await open('/room/doc')).json())['connectionId'])
    expect(ids.size).toBe(20)
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/)
  })
})
