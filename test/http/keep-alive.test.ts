import { describe, expect, it } from 'vitest'
import { parseOptions } from '../../src/options/index.js'
import { RawClient, upgradeRequest } from '../support/raw.js'
import { startRelay } from '../support/relay.js'

const GET = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'

/** Has a page answered, and reads it whole. */
async function ask(client: RawClient): Promise<Record<string, string>> {
  const head = await client.write(GET).head()
  expect(head).toMatchObject({ status: 200 })
  await client.body(Number(head?.headers['content-length']))
  return head?.headers ?? {}
}

describe('the time-outs of common proxies (10.10)', () => {
  const { heartbeatInterval, keepAliveTimeout } = parseOptions({})

  it('are longer than the time between two pings: 30 s is the shortest', () => {
    expect(heartbeatInterval).toBeLessThan(30_000)
  })

  it('are shorter than the time for which an HTTP connection is kept: balancers keep theirs for 60 s', async () => {
    expect(keepAliveTimeout).toBeGreaterThan(60_000)
    const headers = await ask(await RawClient.connect(await startRelay()))
    expect(headers['keep-alive']).toContain(`timeout=${keepAliveTimeout / 1000}`)
  })
})

describe('an HTTP connection that waits for its next request (10.10)', () => {
  it('is not bound by the deadline for a request, and may still become a WebSocket', async () => {
    const relay = await startRelay({ joinTimeout: 100 })
    const client = await RawClient.connect(relay)
    await ask(client)
    // Each is hung up on at the deadline: it has passed twice for the connection that waits.
    for (let i = 0; i < 2; i++) await (await RawClient.connect(relay)).head()
    await ask(client)
    expect(await client.write(upgradeRequest('/raw/x')).head()).toMatchObject({ status: 101 })
  })

  it('is closed when the option says so', async () => {
    const client = await RawClient.connect(await startRelay({ keepAliveTimeout: 50 }))
    await ask(client)
    await client.ended()
  })

  it('has the same deadline as any other once a request has begun', async () => {
    const client = await RawClient.connect(await startRelay({ joinTimeout: 100 }))
    await ask(client)
    expect(await client.write('GET / HTTP/1.1\r\nHost: x\r\n').head()).toMatchObject({ status: 408 })
  })
})
