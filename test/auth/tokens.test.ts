import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import fc from 'fast-check'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { JsonWebTokens } from '../../src/auth/tokens.js'
import type { RelayOptions } from '../../src/index.js'
import { parseOptions } from '../../src/options/index.js'
import { startRelay } from '../support/relay.js'
import { SECRET, secondsFromNow, tokenFor } from '../support/tokens.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed25519 = generateKeyPairSync('ed25519')

function pem(key: KeyObject): string {
  return String(key.export({ type: 'spki', format: 'pem' }))
}

/** What a checker with these options says of a token. */
async function check(token: unknown, options: RelayOptions = { jwtSecret: SECRET }): Promise<unknown> {
  return await new JsonWebTokens(parseOptions(options), pino({ level: 'silent' })).check(token)
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** A token that somebody wrote by hand. */
function forge(header: object, payload: object, sign: (input: string) => string = () => ''): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  return `${input}.${sign(input)}`
}

const granted = expect.objectContaining({ user: 'alice' })

describe('a token', () => {
  it.each([
    ['HS256', Buffer.from(SECRET), { jwtSecret: SECRET }],
    ['RS256', rsa.privateKey, { jwtPublicKey: pem(rsa.publicKey) }],
    ['ES256', p256.privateKey, { jwtPublicKey: pem(p256.publicKey) }],
    ['EdDSA', ed25519.privateKey, { jwtPublicKey: pem(ed25519.publicKey) }],
    ['Ed25519', ed25519.privateKey, { jwtPublicKey: pem(ed25519.publicKey).replaceAll('\n', '\\n') }],
  ])('may be signed with %s', async (alg, key, options) => {
    const token = await tokenFor({ sub: 'alice' }, key, alg)
    expect(await check(token, options)).toEqual(granted)
    const forged = token.replace(/\.[^.]+\./, `.${base64url({ sub: 'mallory', rooms: ['*'] })}.`)
    expect(await check(forged, options)).toBe('token-signature')
  })

  it.each(['none', 'None', 'NONE', ''])('without a signature, with alg %j, is worth nothing', async (alg) => {
    const token = forge({ alg }, { sub: 'alice', rooms: ['*'], exp: secondsFromNow(60) })
    for (const options of [{ jwtSecret: SECRET }, { jwtPublicKey: pem(rsa.publicKey) }]) {
      expect(await check(token, options)).toMatch(/^token-(algorithm|malformed)$/)
    }
  })

  it('cannot be signed with the public key as if it were a secret', async () => {
    for (const publicKey of [pem(rsa.publicKey), pem(rsa.publicKey).trim()]) {
      const hmac = (input: string): string => createHmac('sha256', publicKey).update(input).digest('base64url')
      const token = forge({ alg: 'HS256' }, { sub: 'alice', rooms: ['*'] }, hmac)
      expect(await check(token, { jwtPublicKey: pem(rsa.publicKey) })).toBe('token-algorithm')
    }
  })

  it.each([
    ['RS384', rsa.privateKey, rsa.publicKey],
    ['PS256', rsa.privateKey, rsa.publicKey],
  ])('cannot choose its algorithm: %s', async (alg, key, publicKey) => {
    expect(await check(await tokenFor({}, key, alg), { jwtPublicKey: pem(publicKey) })).toBe('token-algorithm')
  })

  it('cannot bring its own key', async () => {
    const jwk = p256.publicKey.export({ format: 'jwk' })
    const { SignJWT } = await import('jose')
    const token = await new SignJWT({ rooms: ['*'] })
      .setProtectedHeader({ alg: 'ES256', jwk: jwk as never })
      .sign(p256.privateKey)
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    expect(await check(token, { jwtPublicKey: pem(other.publicKey) })).toBe('token-signature')
  })

  it.each([
    [{ exp: secondsFromNow(-1) }, 'token-expired'],
    [{ exp: secondsFromNow(-3600) }, 'token-expired'],
    [{ exp: 'tomorrow' as never }, 'token-claims'],
    [{ nbf: secondsFromNow(60) }, 'token-claims'],
    [{ rooms: 'doc' }, 'token-claims'],
    [{ rooms: { doc: ['own'] } }, 'token-claims'],
    [{ sub: '' }, 'token-claims'],
    [{ sub: 'x'.repeat(257) }, 'token-claims'],
    [{ sub: 7 as never }, 'token-claims'],
  ])('with %j is refused: %s', async (claims, denial) => {
    expect(await check(await tokenFor(claims))).toBe(denial)
  })

  it('may come from a clock that is a little ahead, and needs no end', async () => {
    const token = await tokenFor({ sub: 'alice', nbf: secondsFromNow(3), exp: undefined })
    expect(await check(token)).toEqual(expect.objectContaining({ user: 'alice', expires: undefined }))
  })

  it('may come from a clock that is as far ahead as the option says (10.27)', async () => {
    const token = await tokenFor({ sub: 'alice', nbf: secondsFromNow(50) })
    expect(await check(token)).toBe('token-claims')
    expect(await check(token, { jwtSecret: SECRET, jwtLeeway: '1m' })).toEqual(granted)
    expect(await check(await tokenFor({ nbf: secondsFromNow(3) }), { jwtSecret: SECRET, jwtLeeway: 0 })).toBe(
      'token-claims',
    )
  })

  it('has to come from the issuer and be for the audience, when they are named', async () => {
    const options = { jwtSecret: SECRET, jwtIssuer: 'https://id.example', jwtAudience: 'relay' }
    const good = { sub: 'alice', iss: 'https://id.example', aud: ['web', 'relay'] }
    expect(await check(await tokenFor(good), options)).toEqual(granted)
    expect(await check(await tokenFor({ ...good, iss: 'https://evil.example' }), options)).toBe('token-issuer')
    expect(await check(await tokenFor({ ...good, aud: 'web' }), options)).toBe('token-audience')
    expect(await check(await tokenFor({ sub: 'alice' }), options)).toBe('token-issuer')
  })

  it('that is none is refused, whatever it is', async () => {
    expect(await check(undefined)).toBe('token-missing')
    expect(await check('')).toBe('token-missing')
    for (const odd of [null, 7, {}, [], 'a.b', 'a.b.c', '....', 'x'.repeat(20_000), '\0.\0.\0']) {
      expect(await check(odd)).toBe('token-malformed')
    }
    const good = await tokenFor()
    const options = [{ jwtSecret: SECRET }, { jwtPublicKey: pem(rsa.publicKey) }, { jwtPublicKey: pem(p256.publicKey) }]
    const header = fc.record({ alg: fc.oneof(fc.constantFrom('HS256', 'RS256', 'ES256'), fc.jsonValue()) })
    const odd = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.integer({ min: 0, max: good.length - 1 }), fc.string({ maxLength: 3 }))
        .map(([at, text]) => good.slice(0, at) + text + good.slice(at + 1)),
      fc
        .tuple(fc.oneof(header, fc.jsonValue()), fc.jsonValue(), fc.base64String())
        .map(([head, body, signature]) => forge(head as object, body as object, () => signature)),
    )
    await fc.assert(
      fc.asyncProperty(
        odd.filter((token) => token !== '' && token !== good),
        fc.constantFrom(...options),
        async (token, option) => {
          // The last character of a signature has bits that say nothing.
          if (token.slice(0, -1) === good.slice(0, -1)) return
          expect(await check(token, option)).toMatch(/^token-/)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('a relay that checks tokens', () => {
  it.each([
    ['in the header', '', [], (token: string) => ({ Authorization: `Bearer ${token}` })],
    ['in the header, in lower case', '', [], (token: string) => ({ authorization: `bearer ${token}` })],
    ['in the query', '?token=TOKEN', [], () => ({})],
    ['as a subprotocol', '', ['baton', 'bearer.TOKEN'], () => ({})],
    ['as the first of two subprotocols', '', ['bearer.TOKEN', 'baton'], () => ({})],
  ] as const)('takes it %s, and never gives it back', async (_where, query, protocols, headers) => {
    const { relay, open } = await startRelay({ jwtSecret: SECRET })
    const joined = once(relay, 'join')
    const token = await tokenFor({ sub: 'alice' })
    const client = await open(`/room/doc${query.replace('TOKEN', token)}`, {
      protocols: protocols.map((protocol) => protocol.replace('TOKEN', token)),
      headers: headers(token) as Record<string, string>,
    })
    expect(await client.json()).toMatchObject({ type: 'connected' })
    expect(client.socket.protocol).toBe(protocols.length > 0 ? 'baton' : '')
    expect((await joined)[0]).toMatchObject({ user: 'alice' })
  })

  it.each(['/', '/room/doc', '/raw/doc', '/pluresdb', '/y-webrtc', '/nowhere'])(
    'closes at %s without one, or with a bad one, so that a browser can see why',
    async (path) => {
      const { relay, open } = await startRelay({ jwtSecret: SECRET })
      const denied: unknown[] = []
      relay.on('denied', ({ why }) => denied.push(why))
      const other = await tokenFor({}, Buffer.from('another secret, also of 32 bytes'))
      for (const query of ['', '?token=', '?token=x', `?token=${other}`]) {
        const client = await open(path + query)
        expect(await client.next()).toEqual({ code: 1008, reason: 'Invalid authentication token' })
      }
      expect(denied).toEqual(['token-missing', 'token-missing', 'token-malformed', 'token-signature'])
      expect(relay.stats()).toMatchObject({ currentConnections: 0, currentRooms: 0 })
    },
  )

  it.each([
    ['/room/secret', undefined],
    ['/raw/secret', undefined],
    ['/', { type: 'join', topic: 'secret' }],
    ['/', { type: 'subscribe', topics: ['doc', 'secret'] }],
    ['/', { type: 'publish', topic: 'secret' }],
  ])('keeps its bearer out of other rooms: %s %j', async (path, first) => {
    const { relay, open } = await startRelay({ jwtSecret: SECRET })
    const client = await open(`${path}?token=${await tokenFor({ rooms: ['doc', 'raw/doc'] })}`)
    if (first) client.send(first)
    expect(await client.next()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
    expect(relay.stats()).toMatchObject({ currentConnections: 0, currentRooms: 0 })
  })

  it('lets in nowhere with a token that names no rooms', async () => {
    const { open } = await startRelay({ jwtSecret: SECRET })
    const client = await open(`/room/doc?token=${await tokenFor({ rooms: undefined })}`)
    expect(await client.next()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
  })

  it('asks the hook as well, after the token, and both have to agree', async () => {
    const asked: unknown[] = []
    const { open } = await startRelay({
      jwtSecret: SECRET,
      authorize: ({ verb, user, room }) => {
        asked.push([verb, user, room])
        return room !== 'closed'
      },
    })
    const token = await tokenFor({ sub: 'alice', rooms: ['doc', 'closed'] })
    expect(await (await open('/room/doc')).closed()).toMatchObject({ reason: 'Invalid authentication token' })
    expect(asked).toEqual([])
    expect(await (await open(`/room/doc?token=${token}`)).json()).toMatchObject({ type: 'connected' })
    for (const room of ['closed', 'other']) {
      const client = await open(`/room/${room}?token=${token}`)
      expect(await client.next()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
    }
    expect(asked).toEqual([
      ['connect', 'alice', undefined],
      ['join', 'alice', 'doc'],
      ['connect', 'alice', undefined],
      ['join', 'alice', 'closed'],
      ['connect', 'alice', undefined],
    ])
  })

  it('relays what came while it checked, in order', async () => {
    const { open } = await startRelay({ jwtSecret: SECRET })
    const token = await tokenFor()
    const reader = await open(`/raw/doc?token=${token}`)
    await reader.settled()
    const sender = await open(`/raw/doc?token=${token}`)
    for (let i = 0; i < 100; i++) sender.send(String(i))
    for (let i = 0; i < 100; i++) expect(await reader.next()).toEqual({ text: String(i) })
  })
})
