import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { JsonWebTokens } from '../../src/auth/tokens.js'
import type { RelayOptions } from '../../src/index.js'
import { parseOptions } from '../../src/options/index.js'
import { stopClocks } from '../support/clock.js'
import { startRelay } from '../support/relay.js'

const first = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const second = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

function jwk(key: KeyObject, kid: string): object {
  return { ...key.export({ format: 'jwk' }), kid, use: 'sig' }
}

async function sign(alg: string, kid: string | undefined, key: KeyObject): Promise<string> {
  const header = { alg, ...(kid !== undefined && { kid }) }
  return await new SignJWT({ rooms: ['*'], sub: 'alice' }).setProtectedHeader(header).sign(key)
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
function checker(
  jwksUrl: string,
  options: RelayOptions = {},
): { check(token: string): Promise<unknown>; log: Record<string, unknown>[]; ailment(): string | undefined } {
  const log: Record<string, unknown>[] = []
  const logger = pino({ base: null }, { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) })
  const tokens = new JsonWebTokens(parseOptions({ jwksUrl, ...options }), logger)
  onTestFinished(() => tokens.stop())
  return { check: async (token) => await tokens.check(token), log, ailment: () => tokens.healthIssue() }
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

  it('that were never fetched are a matter of one line in the log, and one when they are there', async () => {
    const clock = stopClocks()
    const { url, keys, visits, setStatus } = await serveKeys()
    keys.push(jwk(first.publicKey, '1'))
    setStatus(500)
    const { check, log } = checker(url)
    const token = await sign('ES256', '1', first.privateKey)
    for (let i = 0; i < 3; i++) expect(await check(token)).toBe('keys-unavailable')
    expect(visits()).toBe(1)
    expect(log).toHaveLength(1)
    expect(log[0]).toMatchObject({
      level: 50,
      msg: 'The keys of JWKS_URL cannot be fetched: nobody can get in',
      why: 'Expected 200 OK from the JSON Web Key Set HTTP response',
    })
    setStatus(200)
    clock.pass(1)
    expect(await check(token)).toEqual(granted)
    expect(visits()).toBe(2)
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

describe('a token without kid while several keys are shown (10.27)', () => {
  it('is checked with every key that fits', async () => {
    const { url, keys } = await serveKeys()
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
    keys.push(jwk(other.publicKey, 'new'), jwk(first.publicKey, 'ec'), jwk(rsa.publicKey, 'old'))
    const { check } = checker(url)
    expect(await check(await sign('RS256', undefined, rsa.privateKey))).toEqual(granted)
    expect(await check(await sign('RS256', undefined, other.privateKey))).toEqual(granted)
    expect(await check(await sign('ES256', undefined, first.privateKey))).toEqual(granted)
    expect(await check(await sign('RS256', undefined, stranger.privateKey))).toBe('token-signature')
    // A key id that is named counts.
    expect(await check(await sign('RS256', 'new', rsa.privateKey))).toBe('token-signature')
  })

  it('is good with a key that took the place of another, once the set may be fetched anew', async () => {
    const clock = stopClocks()
    const { url, keys, visits } = await serveKeys()
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
    keys.push(jwk(rsa.publicKey, '1'))
    const { check } = checker(url)
    expect(await check(await sign('RS256', undefined, rsa.privateKey))).toEqual(granted)
    keys[0] = jwk(other.publicKey, '2')
    clock.pass(31)
    expect(await check(await sign('RS256', undefined, other.privateKey))).toEqual(granted)
    expect(await check(await sign('RS256', undefined, rsa.privateKey))).toBe('token-signature')
    expect(visits()).toBe(2)
  })
})

describe('keys that cannot be used (10.27)', () => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-384' })

  it('are skipped with one line, and a token that names them is refused', async () => {
    const { url, keys } = await serveKeys()
    keys.push(
      jwk(short.publicKey, 'short'),
      jwk(curve.publicKey, 'curve'),
      { kty: 'RSA', kid: 'broken', n: 'x', e: '' },
      { ...jwk(rsa.publicKey, 'other'), alg: 'PS256' },
      { ...jwk(rsa.privateKey, 'private') },
      // For encryption: no business of ours.
      { ...jwk(rsa.publicKey, 'enc'), use: 'enc', alg: 'RSA-OAEP' },
      jwk(second.publicKey, 'good'),
    )
    const { check, log, ailment } = checker(url)
    const weak = `${Buffer.from('{"alg":"RS256","kid":"short"}').toString('base64url')}.e30.AAAA`
    const tokens = [weak, await sign('RS256', 'broken', rsa.privateKey), await sign('RS256', 'other', rsa.privateKey)]
    for (const token of [...tokens, ...tokens, await sign('RS256', 'private', rsa.privateKey)]) {
      expect(await check(token)).toBe('token-signature')
    }
    expect(await check(await sign('EdDSA', 'good', second.privateKey))).toEqual(granted)
    expect(log).toHaveLength(1)
    expect(log[0]).toMatchObject({
      level: 40,
      msg: 'Some keys of JWKS_URL cannot be used, and are skipped',
      skipped: [
        'short: not RSA of 2048 bits or more, P-256 or Ed25519',
        'curve: not RSA of 2048 bits or more, P-256 or Ed25519',
        expect.stringMatching(/^broken: /),
        'other: for PS256, which is not used',
        'private: not a public key',
      ],
    })
    expect(ailment()).toBeUndefined()
  })

  it('close a connection with 1008, and show in /health if there are no others', async () => {
    const { url, keys } = await serveKeys()
    keys.push(jwk(short.publicKey, 'short'))
    const { open, http } = await startRelay({ jwksUrl: url })
    const token = `${Buffer.from('{"alg":"RS256","kid":"short"}').toString('base64url')}.e30.AAAA`
    const client = await open(`/room/doc?token=${token}`)
    expect(await client.closed()).toEqual({ code: 1008, reason: 'Invalid authentication token' })
    expect(await (await fetch(`${http}/health`)).json()).toMatchObject({
      status: 'degraded',
      reasons: ['JWKS_URL shows no key that can be used: nobody can get in.'],
    })
  })
})

describe('while the provider is away (10.27)', () => {
  it('the keys known so far are good, for a day by default; /health says why, and the log once', async () => {
    const clock = stopClocks()
    const { url, keys, setStatus, visits } = await serveKeys()
    keys.push(jwk(first.publicKey, '1'))
    const { check, log, ailment } = checker(url)
    const token = await sign('ES256', '1', first.privateKey)
    expect(await check(token)).toEqual(granted)
    setStatus(500)
    clock.pass(601)
    const until = new Date(Date.now() + 86_400_000 - 601_000).toISOString().slice(0, 19)
    expect(await check(token)).toEqual(granted)
    expect(ailment()).toContain(`The keys of JWKS_URL cannot be fetched: those known are good until ${until}`)
    for (let minutes = 0; minutes < 30; minutes++) {
      clock.pass(60)
      expect(await check(token)).toEqual(granted)
    }
    expect(log).toHaveLength(1)
    expect(log[0]).toMatchObject({
      level: 50,
      msg: 'The keys of JWKS_URL cannot be fetched: those known are used until then',
    })
    clock.pass(86_400)
    await expect.poll(() => log).toHaveLength(2)
    expect(log[1]).toMatchObject({ level: 50, msg: 'The keys of JWKS_URL cannot be fetched: nobody can get in' })
    expect(await check(token)).toBe('keys-unavailable')
    expect(ailment()).toBe('The keys of JWKS_URL cannot be fetched: nobody can get in.')
    setStatus(200)
    const before = visits()
    clock.pass(30)
    await expect.poll(visits).toBe(before + 1)
    await expect.poll(() => check(token)).toEqual(granted)
    expect(ailment()).toBeUndefined()
  })

  it('they are good for as long as the option says', async () => {
    const clock = stopClocks()
    const { url, keys, setStatus } = await serveKeys()
    keys.push(jwk(first.publicKey, '1'))
    const { check } = checker(url, { jwksMaxStale: '5m' })
    const token = await sign('ES256', '1', first.privateKey)
    expect(await check(token)).toEqual(granted)
    setStatus(500)
    // They are looked at every 10 minutes.
    clock.pass(599)
    expect(await check(token)).toEqual(granted)
    clock.pass(2)
    expect(await check(token)).toBe('keys-unavailable')
  })
})

describe('key ids that somebody makes up (10.34)', () => {
  it('cost one request in 30 s and one line in the log, whether the provider is there or not', async () => {
    const clock = stopClocks()
    const { url, keys, setStatus, visits } = await serveKeys()
    keys.push(jwk(second.publicKey, 'good'))
    const { check, log } = checker(url)
    const [good, odd] = [await sign('EdDSA', 'good', second.privateKey), await sign('EdDSA', 'odd', second.privateKey)]
    const attack = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        expect(await check(odd)).toBe('token-signature')
        expect(await check(good)).toEqual(granted)
      }
    }
    await attack()
    expect(visits()).toBe(1)
    clock.pass(31)
    await attack()
    expect(visits()).toBe(2)
    setStatus(500)
    clock.pass(31)
    await attack()
    expect(visits()).toBe(3)
    clock.pass(29)
    await attack()
    expect(visits()).toBe(3)
    expect(log).toHaveLength(1)
  })

  it('and a password in the URL is refused at the start, and not shown', () => {
    expect(() => parseOptions({ jwksUrl: 'https://user:hush@id.example/keys' })).toThrow(
      /^jwksUrl: must be a URL with https or http, and without a user or a password$/,
    )
  })
})
