import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { ListenError, Relay } from '../../src/index.js'
import { parseOptions } from '../../src/options/index.js'
import { makeCertificate } from '../support/certificate.js'
import { freePorts } from '../support/pebble.js'
import { RawClient, upgradeRequest } from '../support/raw.js'

/** A relay that speaks TLS on one port and redirects on another. */
async function start(): Promise<{ relay: Relay; port: number; redirectPort: number }> {
  const [redirectPort = 0] = await freePorts(1)
  const files = makeCertificate('one')
  const relay = new Relay({ enableTls: true, ...files, port: 0, host: '127.0.0.1', redirectPort, logLevel: 'silent' })
  const { port } = await relay.listen()
  onTestFinished(() => relay.close({ drain: 0 }))
  return { relay, port, redirectPort }
}

describe('the port that redirects to https (10.40)', () => {
  it.each([
    ['GET', '/stats?x=1', 'relay.example', 'relay.example', '/stats?x=1'],
    ['POST', '/', 'relay.example:80', 'relay.example', '/'],
    ['GET', 'http://relay.example/room', 'relay.example', 'relay.example', '/room'],
    ['GET', '//evil.example', '[::1]:8080', '[::1]', '//evil.example'],
    ['OPTIONS', '*', 'relay.example', 'relay.example', '/'],
  ])('answers %s %s at %s with 308 to the same place', async (method, target, host, name, path) => {
    const { port, redirectPort } = await start()
    const client = await RawClient.connect({ port: redirectPort })
    const head = await client.write(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).head()
    expect(head?.status).toBe(308)
    expect(head?.headers).toMatchObject({ location: `https://${name}:${port}${path}`, connection: 'close' })
  })

  it.each(['a b', 'a/b', 'user@relay.example', 'relay.example:x', ''])('knows no way for the Host %j', async (host) => {
    const { redirectPort } = await start()
    const client = await RawClient.connect({ port: redirectPort })
    expect((await client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).head())?.status).toBe(400)
  })

  it('sends WebSockets on as well, and clients that follow arrive', async () => {
    const { redirectPort } = await start()
    const options = { followRedirects: true, rejectUnauthorized: false }
    const socket = new WebSocket(`ws://127.0.0.1:${redirectPort}/raw/doc`, options)
    await once(socket, 'open')
    expect(socket.url).toMatch(/^wss:/)
    socket.terminate()
  })

  it('bears clients that are gone before they are answered', async () => {
    const { redirectPort } = await start()
    for (const headers of [{}, { Upgrade: 'h2c' }]) {
      const client = await RawClient.connect({ port: redirectPort })
      client.write(upgradeRequest('/', headers)).socket.resetAndDestroy()
      await client.gone()
    }
    expect((await fetch(`http://127.0.0.1:${redirectPort}/`, { redirect: 'manual' })).status).toBe(308)
  })

  it('is closed with the relay, while clients are connected', async () => {
    const { relay, redirectPort } = await start()
    const silent = connect(redirectPort, '127.0.0.1').on('error', () => {})
    await once(silent, 'connect')
    await relay.close({ drain: 0 })
    await once(silent.resume(), 'close')
    await expect(RawClient.connect({ port: redirectPort })).rejects.toThrow('ECONNREFUSED')
  })

  it('stops the start when it is taken, and leaves no port open', async () => {
    const first = await start()
    const [port = 0, adminPort = 0] = await freePorts(2)
    const { redirectPort } = first
    const options = { port, adminPort, redirectPort, host: '127.0.0.1', logLevel: 'silent' } as const
    const relay = new Relay({ enableTls: true, ...makeCertificate('two'), ...options })
    await expect(relay.listen()).rejects.toThrow(ListenError)
    for (const left of [port, adminPort])
      await expect(RawClient.connect({ port: left })).rejects.toThrow('ECONNREFUSED')
  })

  it.each([
    [{ redirectPort: 80 }, 'redirectPort: is set, but TLS is not enabled'],
    [{ enableTls: true, redirectPort: 443 }, 'redirectPort: must not be the same port as port'],
    [{ enableTls: true, redirectPort: 81, adminPort: 81 }, 'redirectPort: must not be the same port as adminPort'],
  ])('is refused where it makes no sense: %j', (options, problem) => {
    expect(() => parseOptions(options)).toThrow(problem)
  })
})
