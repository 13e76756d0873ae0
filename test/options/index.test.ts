import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isTurnSecretWeak } from '../../src/options/ice.js'
import { OptionsError, optionInfos, parseOptions } from '../../src/options/index.js'
import { allOf, problemsOf } from '../../src/options/together.js'

function problems(options: object): readonly string[] {
  try {
    parseOptions(options)
    return []
  } catch (error) {
    return (error as OptionsError).message.split('\n')
  }
}

describe('a secret that is short (10.35)', () => {
  it('is refused later where it may be that of somebody else: TURN_SECRET', () => {
    const turn = (turnSecret: string): object => parseOptions({ turnUrls: 'turn:a', turnSecret })
    for (const short of ['c', 'c'.repeat(5)]) expect(() => turn(short)).toThrow('turnSecret: must have at least 6 ')
    expect(isTurnSecretWeak({ turnSecret: 'c'.repeat(15) })).toBe(true)
    for (const good of ['', 'c'.repeat(16)]) expect(isTurnSecretWeak({ turnSecret: good })).toBe(false)
    expect(turn('c'.repeat(6))).toBeDefined()
  })

  it.each([
    ['clusterSecret', { redisUrl: 'redis://localhost' }],
    ['adminToken', {}],
    ['logKey', {}],
  ])('is refused in one line: %s', (name, companions) => {
    for (const short of ['c', 'c'.repeat(15)]) {
      expect(() => parseOptions({ ...companions, [name]: short })).toThrow(`${name}: must have at least 16 characters`)
    }
    expect(parseOptions({ ...companions, [name]: 'c'.repeat(16) })).toBeDefined()
    expect(parseOptions({ [name]: '' })).toBeDefined()
  })
})

describe('options that contradict each other (10.9)', () => {
  it.each([
    [{ maxMessageBytes: '9MiB', maxBufferedBytes: '8MiB' }, 'maxBufferedBytes', 'maxMessageBytes (8MiB < 9MiB)'],
    [{ maxTotalBufferedBytes: '512KiB' }, 'maxTotalBufferedBytes', 'maxMessageBytes (512KiB < 1MiB)'],
    [{ maxBufferedBytes: '9MiB', maxTotalBufferedBytes: '8MiB' }, 'maxTotalBufferedBytes', 'maxBufferedBytes'],
    [{ history: 1, historyBytes: '2MiB', historyTotalBytes: '1MiB' }, 'historyTotalBytes', 'historyBytes'],
    [{ port: 8080, adminPort: 8080 }, 'adminPort', 'port'],
    [{ enableTls: true, acmeDomains: 'a.example', acmeChallenge: 'http-01', port: 80 }, 'acmeHttpPort', 'port'],
    [
      { ...{ enableTls: true, acmeDomains: 'a.example', acmeChallenge: 'http-01' }, adminPort: 80 },
      'acmeHttpPort',
      'adminPort',
    ],
  ])('are refused in a line that names both: %j', (given, option, other) => {
    expect(problems(given)).toContainEqual(
      expect.stringMatching(`^${option}: must not be .*${other.replace(/[()]/g, '.')}`),
    )
  })

  it('are told of once, and not by the name of an option that was left out', () => {
    expect(problems({ maxTotalBufferedBytes: '512KiB' })).toHaveLength(1)
    expect(problems({ maxMessageBytes: '9MiB', maxTotalBufferedBytes: '8MiB' })).toHaveLength(1)
  })

  it('are not those that were left out: a larger message has more room to wait', () => {
    expect(parseOptions({ maxMessageBytes: '32MiB' }).maxBufferedBytes).toBe(64 * 2 ** 20)
    expect(parseOptions({ maxMessageBytes: '1GiB' }).maxTotalBufferedBytes).toBe(2 ** 31)
    expect(parseOptions({ maxTotalBufferedBytes: '4MiB' }).maxBufferedBytes).toBe(4 * 2 ** 20)
    expect(problems({ maxMessageBytes: 0 })).toEqual([])
  })
})

describe('options', () => {
  it('have defaults', () => {
    expect(parseOptions({})).toMatchObject({
      port: 3000,
      dialects: ['impossible-writer', 'pluresdb', 'y-webrtc', 'opaque'],
      maxMessageBytes: 1_048_576,
      maxBufferedBytes: 8_388_608,
      maxTotalBufferedBytes: 268_435_456,
      rateLimit: 100,
      rateLimitWindow: 1000,
      throttle: 1000,
      roomExpiry: 86_400_000,
      joinTimeout: 10_000,
      heartbeatInterval: 25_000,
      keepAliveTimeout: 65_000,
      logLevel: 'info',
    })
  })

  it("take the parents' names and values", () => {
    const parents = { port: 3000, rateLimit: 100, rateLimitWindow: 1000, roomExpiry: 86_400_000 } as const
    expect(parseOptions({ ...parents, cleanupInterval: 3_600_000, logLevel: 'info' })).toMatchObject(parents)
  })

  it('take text as the environment has it', () => {
    const text = { port: ' 8080 ', dialects: ' opaque , pluresdb', maxMessageBytes: '2MiB', roomExpiry: '48h' }
    expect(parseOptions({ ...text, logRoomNames: 'true', rateLimit: '0' })).toMatchObject({
      port: 8080,
      dialects: ['opaque', 'pluresdb'],
      maxMessageBytes: 2_097_152,
      roomExpiry: 172_800_000,
      logRoomNames: true,
      rateLimit: 0,
    })
  })

  it.each([
    {},
    { port: '0', trustProxy: '10.0.0.0/8, loopback', allowNetworks: '192.0.2.0/24', roomExpiry: '48h' },
    { enableTls: true, acmeDomains: 'Relay.example.org', redirectPort: 80, adminPort: '9000', acmeHttpPort: 80 },
    { turnUrls: 'turn:a', turnSecret: 'c'.repeat(16), allowedOrigins: 'https://a.example, https://*.b.example' },
    { maxMessageBytes: '32MiB', logRoomNames: 'true', dialects: 'opaque', trustProxy: '2' },
  ])('stay as they are when they are checked again: %j', (options) => {
    const settings = parseOptions(options)
    expect(parseOptions(settings)).toEqual(settings)
  })

  it('take port 443 with TLS, unless told otherwise', () => {
    const tls = { enableTls: true, tlsCert: 'cert.pem', tlsKey: 'key.pem' }
    expect(parseOptions(tls).port).toBe(443)
    expect(parseOptions({ ...tls, port: 8443 }).port).toBe(8443)
  })

  it('take domains as a list or as text, and write them as DNS does', () => {
    const domains = (acmeDomains: string | string[]): string[] =>
      parseOptions({ enableTls: true, acmeDomains }).acmeDomains
    expect(domains(' Relay.Example ,b.example, relay.example')).toEqual(['relay.example', 'b.example'])
    expect(domains(['bücher.example'])).toEqual(['xn--bcher-kva.example'])
  })

  it.each([['*.a.example'], ['a.example,'], ['127.0.0.1'], ['::1'], ['-a.example'], ['https://a.example'], ['a b']])(
    'refuse %j as domains',
    (acmeDomains) => {
      expect(problems({ enableTls: true, acmeDomains })).toEqual([
        `acmeDomains: must be one or more domain names separated by commas, no addresses, no wildcards (got "${acmeDomains}")`,
      ])
    },
  )

  it.each([
    [{ speed: 1, port: 'x', requireOrigin: true }, ['port', 'speed', 'requireOrigin']],
    [{ redisCluster: true, adminPort: 'x', rateLimit: -1 }, ['rateLimit', 'adminPort', 'redisCluster']],
    [{ enableTls: true, acmeEmail: 'a@b.example', tlsCert: 'x' }, ['acmeEmail', 'tlsKey']],
    // What depends on an option that is wrong is not judged.
    [{ enableTls: 'maybe', tlsCert: 'x', adminPort: 3000 }, ['enableTls']],
    [{ maxMessageBytes: 'x', maxBufferedBytes: 1 }, ['maxMessageBytes']],
    [{ jwtSecret: 'short', jwtIssuer: 'me', tlsKey: 'x' }, ['jwtSecret', 'tlsKey']],
  ])('are all told of at once: %j', (options, wrong) => {
    expect(problems(options).map((line) => line.slice(0, line.indexOf(':')))).toEqual(wrong)
  })

  it('are told of with what was known before, and nothing that depends on that', () => {
    const known = [{ option: 'jwtSecret', problem: 'cannot be read' }]
    expect(() => parseOptions({ jwtIssuer: 'me', port: 'x', requireOrigin: 'x' }, known)).toThrow(
      /^jwtSecret: cannot be read\nport: .*\nrequireOrigin: .*$/,
    )
    expect(() => parseOptions({ jwtIssuer: 'me' }, known)).toThrow(/^jwtSecret: cannot be read$/)
  })

  it('are told of by all that looks at them, and other errors are not lost', async () => {
    const wrong = async (option: string): Promise<never> => {
      throw new OptionsError([{ option, problem: 'is wrong' }])
    }
    await expect(allOf([wrong('a'), 1, wrong('b')])).rejects.toThrow('a: is wrong\nb: is wrong')
    await expect(allOf([1, Promise.reject(new Error('broken'))])).rejects.toThrow('broken')
    expect(await allOf([1, Promise.resolve('x'), undefined])).toEqual([1, 'x', undefined])
    expect(() => problemsOf(() => JSON.parse('{'))).toThrow(SyntaxError)
  })

  it('want a certificate for TLS in production alone', () => {
    expect(problems({ enableTls: true })).toEqual([])
    for (const environment of ['production', 'prod']) {
      expect(problems({ enableTls: true, environment })).toEqual([
        'tlsCert: is needed when TLS is enabled',
        'tlsKey: is needed when TLS is enabled',
      ])
      expect(problems({ enableTls: true, environment, acmeDomains: 'a.example' })).toEqual([])
    }
  })

  it.each([
    [{ port: 'abc' }, 'port: must be a whole number from 0 to 65535 (got "abc")'],
    [{ port: 65_536 }, 'port: must be a whole number from 0 to 65535 (got 65536)'],
    [{ port: '' }, 'port: must be a whole number from 0 to 65535 (got "")'],
    [{ port: null }, 'port: must be a whole number from 0 to 65535 (got null)'],
    [{ throttle: true }, 'throttle: must be a whole number, 0 or more (got true)'],
    [{ rateLimit: -1 }, 'rateLimit: must be a whole number, 0 or more (got -1)'],
    [{ rateLimit: 1.5 }, 'rateLimit: must be a whole number, 0 or more (got 1.5)'],
    [{ rateLimit: Number.NaN }, 'rateLimit: must be a whole number, 0 or more (got null)'],
    [
      { rateLimitWindow: 0 },
      'rateLimitWindow: must be a duration such as 24h, 30s or 500 (milliseconds), at least 1 (got 0)',
    ],
    [{ roomExpiry: 'soon' }, 'roomExpiry: must be a duration such as 24h, 30s or 500 (milliseconds) (got "soon")'],
    [
      { maxMessageBytes: '1 fathom' },
      'maxMessageBytes: must be a size such as 1MiB, 64KiB or 1000 (bytes), at most 2147483647 (got "1 fathom")',
    ],
    [
      { maxMessageBytes: '2GiB' },
      'maxMessageBytes: must be a size such as 1MiB, 64KiB or 1000 (bytes), at most 2147483647 (got "2GiB")',
    ],
    [{ logLevel: 'loud' }, 'logLevel: must be one of debug, info, warn, error, silent (got "loud")'],
    [{ logRoomNames: 'perhaps' }, 'logRoomNames: must be true or false (got "perhaps")'],
    [
      { dialects: 'morse' },
      'dialects: must name one or more of impossible-writer, pluresdb, y-webrtc, opaque (got "morse")',
    ],
    [{ dialects: [] }, 'dialects: must name one or more of impossible-writer, pluresdb, y-webrtc, opaque (got [])'],
    [{ logKey: 7 }, 'logKey: must be a text'],
    [{ enableTls: true, tlsCert: 'cert.pem' }, 'tlsKey: is needed when TLS is enabled'],
    [{ acmeDomains: 'a.example' }, 'acmeDomains: is set, but TLS is not enabled'],
    [
      { enableTls: true, acmeEmail: 'a@b.example' },
      'acmeEmail: is set, but there are no domains to get a certificate for',
    ],
    [
      { enableTls: true, acmeDomains: 'a.example', tlsCert: 'cert.pem' },
      'tlsCert: is set, but so are domains to get a certificate for: choose one',
    ],
    [{ acmeEmail: 'nobody' }, 'acmeEmail: must be one e-mail address (got "nobody")'],
    [
      { acmeDirectory: 'http://a.example/dir' },
      'acmeDirectory: must be a URL that begins with https:// (got "http://a.example/dir")',
    ],
    [{ acmeStore: '' }, 'acmeStore: must be a path (got "")'],
    [{ acmeChallenge: 'dns-01' }, 'acmeChallenge: must be one of tls-alpn-01, http-01 (got "dns-01")'],
    [{ tlsCert: 'cert.pem' }, 'tlsCert: is set, but TLS is not enabled'],
    [{ jwtSecret: 'short' }, 'jwtSecret: must have 32 bytes or more, such as openssl rand -base64 32 makes'],
    [
      { jwtPublicKey: '/etc/key.pem' },
      'jwtPublicKey: must be a public key in PEM: RSA of 2048 bits or more, P-256 or Ed25519',
    ],
    [{ jwksUrl: 'ftp://id.example' }, 'jwksUrl: must be a URL with https or http, and without a user or a password'],
    [{ jwksUrl: 'keys' }, 'jwksUrl: must be a URL with https or http, and without a user or a password'],
    [
      { jwtSecret: 'x'.repeat(32), jwksUrl: 'https://id.example' },
      'jwksUrl: must not be set beside another: tokens are checked with a secret, a public key or a JWKS URL',
    ],
    [{ jwtIssuer: 'me' }, 'jwtIssuer: is set, but no secret, public key or JWKS URL to check tokens with'],
    [{ jwtAudience: 'me' }, 'jwtAudience: is set, but no secret, public key or JWKS URL to check tokens with'],
    [
      { allowedOrigins: 'https://a.example, b.example' },
      'allowedOrigins: must be origins such as https://app.example.com, https://*.example.com or null (got "https://a.example, b.example")',
    ],
    [
      { allowedOrigins: ['*'] },
      'allowedOrigins: must be origins such as https://app.example.com, https://*.example.com or null (got ["*"])',
    ],
    [{ requireOrigin: true }, 'requireOrigin: is set, but no allowed origins are'],
    [
      { stunUrls: 'stun.example.org' },
      'stunUrls: must be URLs such as stun:stun.example.org:3478 (got "stun.example.org")',
    ],
    [
      { turnUrls: 'turn:a?transport=sctp', turnSecret: 'x'.repeat(16) },
      'turnUrls: must be URLs such as turn:turn.example.org:3478?transport=udp (got "turn:a?transport=sctp")',
    ],
    [{ turnUrls: 'turn:a' }, 'turnSecret: is needed for the credentials of the TURN servers'],
    [{ turnSecret: 'x'.repeat(16) }, 'turnSecret: is set, but no TURN servers are'],
    [
      { turnTtl: '1s' },
      'turnTtl: must be a duration such as 24h, 30s or 500 (milliseconds), at least 60000 (got "1s")',
    ],
    [{ redisUrl: 'http://x' }, 'redisUrl: must be a URL such as redis://host:6379 or rediss://host:6379'],
    [{ redisCluster: true }, 'redisCluster: is set, but there is no URL of a Redis'],
    [
      { redisUrl: 'redis://x/3', redisCluster: true },
      'redisUrl: names a database, and a Redis Cluster has but one: leave it out',
    ],
    [{ clusterName: 'a b' }, 'clusterName: must have 1 to 64 letters, digits, dots, dashes or underscores (got "a b")'],
    [{ adminPort: 3000 }, 'adminPort: must not be the same port as port'],
    [{ speed: 'fast' }, 'speed: there is no such option'],
  ])('refuse %j by name', (options, problem) => {
    expect(problems(options)).toEqual([problem])
  })

  it.each([
    ['an RSA key of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey],
    ['a P-384 key', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey],
    ['an X25519 key', () => generateKeyPairSync('x25519').publicKey],
  ])('refuse %s to check tokens with', (_what, key) => {
    const jwtPublicKey = String(key().export({ type: 'spki', format: 'pem' }))
    expect(problems({ jwtPublicKey })).toEqual([
      'jwtPublicKey: must be a public key in PEM: RSA of 2048 bits or more, P-256 or Ed25519',
    ])
  })

  it('refuse a private key where the public one belongs, and do not show it', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const secret = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
    expect(problems({ jwtPublicKey: secret })).toHaveLength(1)
    expect(problems({ jwtPublicKey: secret }).join()).not.toContain('PRIVATE')
    expect(problems({ jwtPublicKey: publicKey.export({ type: 'spki', format: 'pem' }) })).toEqual([])
  })

  it('take origins and servers as lists, or with commas between them', () => {
    const origins = ['https://a.example', 'https://*.b.example:8443', 'null']
    const lists = {
      stunUrls: ['stun:a'],
      turnUrls: ['turn:a:3478?transport=udp', 'turns:[::1]:5349'],
      turnSecret: 'x'.repeat(16),
    }
    expect(parseOptions({ ...lists, allowedOrigins: origins })).toMatchObject({ ...lists, allowedOrigins: origins })
    const texts = { turnUrls: lists.turnUrls.join(', '), allowedOrigins: ' HTTPS://A.example:443 ,' }
    expect(parseOptions({ ...lists, ...texts })).toMatchObject({ ...lists, allowedOrigins: ['https://a.example'] })
  })

  it('are all refused together, a line for each', () => {
    expect(problems({ port: 'x', rateLimit: 'x', colour: 1, taste: 2 })).toHaveLength(4)
  })

  it('have a variable, a flag and a description each, none twice', () => {
    for (const info of optionInfos) {
      expect(info.env).toMatch(/^[A-Z][A-Z_]*$/)
      expect(info.flag).toMatch(/^--[a-z][a-z-]*$/)
      expect(info.description).toMatch(/^[`A-Z].*\.$/s)
    }
    expect(new Set(optionInfos.map(({ env }) => env)).size).toBe(optionInfos.length)
  })
})
