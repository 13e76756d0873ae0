import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { baton } from '../support/baton.js'
import { startRelay } from '../support/relay.js'
import { SECRET } from '../support/tokens.js'

/** Runs `baton token`. */
function token(argv: string[], env: Record<string, string> = { JWT_SECRET: SECRET }): ReturnType<typeof baton> {
  return baton(['token', ...argv], env)
}

describe('baton token', () => {
  it('reads the secret from a file, as the relay does', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'baton-token-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'secret'), `${SECRET}\n`)
    const { code, out } = await token(['--room', 'doc'], { JWT_SECRET_FILE: join(folder, 'secret') })
    expect(code).toBe(0)
    const { open } = await startRelay({ jwtSecret: SECRET })
    expect(await (await open(`/room/doc?token=${out.trim()}`)).json()).toMatchObject({ type: 'connected' })
  })

  it('prints a token that lets in', async () => {
    const { code, out } = await token(['--room', 'doc-*', '--sub', 'alice', '--expires', '1h'])
    expect(code).toBe(0)
    const { open } = await startRelay({ jwtSecret: SECRET })
    expect(await (await open(`/room/doc-1?token=${out.trim()}`)).json()).toMatchObject({ type: 'connected' })
    expect(await (await open(`/room/other?token=${out.trim()}`)).closed()).toMatchObject({ code: 1008 })
  })

  it('says what it is told, and an hour if it is not told how long', async () => {
    const long = ['--expires', '7d', '--read-only', '--issuer', 'i', '--audience', 'a']
    const told = decodeJwt((await token(['--room', 'a', '--room', 'b', '--sub', 'alice', ...long])).out)
    expect(told).toMatchObject({ sub: 'alice', iss: 'i', aud: 'a', rooms: { a: ['join'], b: ['join'] } })
    expect(Number(told.exp) - Number(told.iat)).toBe(7 * 86_400)
    const plain = decodeJwt((await token(['--room', 'a'])).out)
    expect(plain).toEqual({ rooms: { a: ['join', 'publish'] }, iat: plain.iat, exp: Number(plain.iat) + 3600 })
  })

  it('takes the secret, issuer and audience of the environment, and flags before them', async () => {
    const env = { JWT_SECRET: SECRET, JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' }
    expect(decodeJwt((await token(['--room', 'x'], env)).out)).toMatchObject({ iss: 'i', aud: 'a' })
    const flags = ['--jwt-secret', `${SECRET}!`, '--issuer', 'other']
    const { out } = await token(['--room', 'x', ...flags], { ...env, JWT_SECRET: 'weak' })
    expect(decodeJwt(out)).toMatchObject({ iss: 'other', aud: 'a' })
  })

  it.each([
    [[], /^required option '--room <pattern>' not specified\n$/],
    [['--room', ''], /^option '--room <pattern>' argument '' is invalid. It must not be empty.\n$/],
    [
      ['--room', 'a', '--expires', 'soon'],
      /^option '--expires <duration>' argument 'soon' is invalid. It must be a .*\n$/,
    ],
    [['--room', 'a', '--expires', '0'], /^option '--expires <duration>' argument '0' is invalid. .*\n$/],
    [['--room', 'a', '--rights', 'all'], /^unknown option '--rights'\n$/],
    [['--rom', 'x'], /^unknown option '--rom' \(Did you mean --room\?\)\n$/],
    [['--room', 'a', '--jwt-secert', 'x'], /^unknown option '--jwt-secert' \(Did you mean --jwt-secret\?\)\n$/],
    [['--room', 'a', 'b'], /^too many arguments.*\n$/],
  ])('refuses %j in one line, with exit code 2', async (argv, message) => {
    const { code, out, err } = await token(argv)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
  })

  it.each([
    [{}, 'JWT_SECRET: is needed to sign a token\n'],
    [{ JWT_SECRET: '' }, 'JWT_SECRET: is needed to sign a token\n'],
    [{ JWT_SECRET: 'hush' }, 'JWT_SECRET: must have 32 bytes or more, such as openssl rand -base64 32 makes\n'],
  ])('needs a secret: %j', async (env, message) => {
    expect(await token(['--room', 'a'], env as Record<string, string>)).toEqual({ code: 2, out: '', err: message })
  })

  it('--help shows no secret', async () => {
    const { code, out } = await token(['--help'])
    expect(code).toBe(0)
    expect(out).toContain('--read-only')
    expect(out).not.toContain(SECRET)
  })
})
