import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { JsonWebTokens } from '../../src/auth/tokens.js'
import { parseOptions } from '../../src/options/index.js'
import { stopClocks } from '../support/clock.js'
import { startRelay } from '../support/relay.js'

const first = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const second = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

function jwk(key: KeyObject, kid: string): object {
  return { ...key.export({ format: 'jwk' }), kid, use: 'sig' }
}

async function sign(alg: string, kid: string, key: KeyObject): Promise<string> {
  return await new SignJWT({ rooms: ['*'], sub: 'alice' }).setProtectedHeader({ alg, kid }).sign(key)
}

/** An identity provider's keys on a server that counts its visitors. */
async function serveKeys(): Promise<{
  url: string
  keys: object[]
  visits(): number
  setStatus(status: number): void
}> {
  const keys: object[] = []
  let visits = 0
  let status = 200
  const server = createServer((_request, response) => {
    visits++
    response.writeHead(status).end(JSON.stringify({ keys }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/keys?secret=hush`,
    keys,
    visits: () => visits,
    setStatus: (code) => {
      status = code
    },
  }
}

/** A checker that keeps its log. */
function checker(jwksUrl: string): { check(token: string): Promise<unknown>; log: Record<string, unknown>[] } {
  const log: Record<string, unknown>[] = []
  const logger = pino({ base: null }, { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) })
  const tokens = new JsonWebTokens(parseOptions({ jwksUrl }), logger)
  return { check: async (token) => await tokens.check(token), log }
}

const granted = expect.objectContaining({ user: 'alice' })

describe('the keys of a JWKS URL', () => {
  it('are fetched once for many tokens, whatever their kind', async () => {
    const { url, keys, visits } = await serveKeys()
    keys.push(jwk(first.publicKey, '1'), jwk(second.publicKey, '2'), jwk(rsa.publicKey, '3'))
    const { check } = checker(url)
    const tokens = await Promise.all([
      sign('ES256', '1', first.privateKey),
      sign('EdDSA', '2', second.privateKey),
      sign('RS256', '3', rsa.privateKey),
    ])
    for (const token of [...tokens, ...tokens]) expect(await check(token)).toEqual(granted)
    expect(visits()).toBe(1)
  })

  it('are fetched anew for a key that is not among them, but not for every one that somebody makes up', async () => {
    const clock = stopClocks()
    const { url, keys, visits } = await serveKeys()
    keys.push(jwk(first.publicKey, '1'))
    const { check } = checker(url)
    expect(await check(await sign('ES256', '1', first.privateKey))).toEqual(granted)
    for (let i = 0; i < 5; i++) expect(await check(await sign('EdDSA', '2', second.privateKey))).toBe('token-signature')
    expect(visits()).toBe(1)
    keys.push(jwk(second.publicKey, '2'))
    clock.pass(31)
    expect(await check(await sign('EdDSA', '2', second.privateKey))).toEqual(granted)
    expect(visits()).toBe(2)
  })

  it('are never used as secrets', async () => {
    const { url, keys } = await serveKeys()
    keys.push({ kty: 'oct', kid: '1', k: Buffer.alloc(32, 'x').toString('base64url') })
    const token = await new SignJWT({ rooms: ['*'] })
      .setProtectedHeader({ alg: 'HS256', kid: '1' })
      .sign(Buffer.alloc(32, 'x'))
    expect(await checker(url).check(token)).toBe('token-algorithm')
  })

  it('that cannot be fetched are a matter of one line in the log, and one when they can be again', async () => {
    const { url, keys, setStatus } = await serveKeys()
    keys.push(jwk(first.publicKey, '1'))
    setStatus(500)
    const { check, log } = checker(url)
    const token = await sign('ES256', '1', first.privateKey)
    for (let i = 0; i < 3; i++) expect(await check(token)).toBe('keys-unavailable')
    expect(log).toHaveLength(1)
    expect(log[0]).toMatchObject({
      level: 50,
      msg: 'The keys of JWKS_URL cannot be fetched: nobody can get in',
      why: 'Expected 200 OK from the JSON Web Key Set HTTP response',
    })
    setStatus(200)
    expect(await check(token)).toEqual(granted)
    expect(log).toHaveLength(2)
    expect(log[1]).toMatchObject({ level: 30, msg: 'The keys of JWKS_URL can be fetched again' })
    expect(JSON.stringify(log)).not.toContain('hush')
  })

  it('on a server that is not there keep everybody out for a while, and say so', async () => {
    const { port, server } = await new Promise<{ port: number; server: ReturnType<typeof createServer> }>((resolve) => {
      const listening = createServer().listen(0, '127.0.0.1', () => {
        resolve({ port: (listening.address() as AddressInfo).port, server: listening })
      })
    })
    await new Promise((resolve) => server.close(resolve))
    const url = `http://127.0.0.1:${port}/`
    const { check, log } = checker(url)
    expect(await check(await sign('ES256', '1', first.privateKey))).toBe('keys-unavailable')
    expect(log).toEqual([expect.objectContaining({ url, why: 'ECONNREFUSED' })])
    const { open } = await startRelay({ jwksUrl: url })
    const client = await open(`/room/doc?token=${await sign('ES256', '1', first.privateKey)}`)
    expect(await client.closed()).toEqual({ code: 1013, reason: 'Authentication is unavailable' })
    // Who brings nothing to check is told what is missing.
    expect(await (await open('/room/doc')).closed()).toMatchObject({ reason: 'Invalid authentication token' })
  })
})
