import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { AdminSessions } from '../../src/admin/admin-sessions.js'
import { post, signIn, startOperator, TOKEN } from '../support/dashboard.js'
import { RawClient } from '../support/raw.js'
import { limitsHit, startRelay } from '../support/relay.js'

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

describe('the dashboard', () => {
  it('is not there without an admin token', async () => {
    const { http } = await startRelay()
    for (const path of ['', '/app.js', '/events', '/sign-in']) {
      expect((await fetch(`${http}/dashboard${path}`)).status).toBe(404)
    }
    expect((await post(http, 'sign-in', { token: '' })).status).toBe(404)
  })

  it('asks for the token, under a policy that lets nothing foreign run', async () => {
    const { http } = await startRelay({ adminToken: TOKEN })
    const answer = await fetch(`${http}/dashboard`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-security-policy')).toBe(POLICY)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const body = await answer.text()
    expect(body).toContain('name="token"')
    expect(body).not.toContain('app.js')
  })

  it('tells nothing and does nothing without a sign-in', async () => {
    const { http } = await startRelay({ adminToken: TOKEN })
    for (const cookie of ['', 'baton-dashboard=', `baton-dashboard=${TOKEN}`, `baton-dashboard=${'A'.repeat(43)}`]) {
      expect((await fetch(`${http}/dashboard/events`, { headers: { cookie } })).status).toBe(401)
      for (const name of ['close-room', 'disconnect', 'drain', 'sign-out']) {
        expect((await post(http, name, { confirm: 'drain' }, { cookie })).status).toBe(401)
      }
    }
  })

  it('counts and refuses a wrong token, and tells so on the page', async () => {
    const { http, relay } = await startRelay({ adminToken: TOKEN })
    const hit = limitsHit(relay)
    for (const token of ['', TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase()]) {
      const answer = await post(http, 'sign-in', { token })
      expect(answer.status).toBe(403)
      expect(answer.headers.get('set-cookie')).toBeNull()
      expect(answer.headers.get('connection')).toBe('close')
      expect(await answer.text()).toContain('That is not the admin token.')
    }
    expect(hit).toEqual(['admin-token', 'admin-token', 'admin-token', 'admin-token'])
  })

  it('sets a cookie that no script and no other site can use, and that is not the token', async () => {
    const { http } = await startRelay({ adminToken: TOKEN })
    const answer = await post(http, 'sign-in', { token: TOKEN })
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe('../dashboard')
    expect(answer.headers.get('set-cookie')).toMatch(
      /^baton-dashboard=[\w-]{43}; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    )
  })

  it('keeps the cookie off plain HTTP if it came over https', async () => {
    const { http } = await startRelay({ adminToken: TOKEN })
    const answer = await post(http, 'sign-in', { token: TOKEN }, { 'X-Forwarded-Proto': 'https' })
    expect(answer.headers.get('set-cookie')).toMatch(/; Secure$/)
  })

  it('forgets who has signed out', async () => {
    const { http, cookie, act } = await startOperator()
    const read = async (): Promise<string> => await (await fetch(`${http}/dashboard`, { headers: { cookie } })).text()
    expect(await read()).toContain('app.js')
    const answer = await act('sign-out', {})
    expect(answer.status).toBe(303)
    expect(answer.headers.get('set-cookie')).toMatch(/^baton-dashboard=; Max-Age=0;/)
    expect(await read()).not.toContain('app.js')
  })

  it.each<[string, Record<string, string>]>([
    ['another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a neighbour', { 'Sec-Fetch-Site': 'same-site' }],
    ['a site whose browser sends an Origin alone', { 'Sec-Fetch-Site': '', Origin: 'https://evil.example' }],
    ['a page without an origin', { 'Sec-Fetch-Site': '', Origin: 'null' }],
    ['nobody knows where', { 'Sec-Fetch-Site': '' }],
  ])('takes no form from %s', async (_, { 'Sec-Fetch-Site': site = '', ...rest }) => {
    const { http, port, cookie, open } = await startOperator()
    await open('/raw/x')
    // Not through fetch, which has an idea of its own what to send.
    const send = async (headers: Record<string, string>): Promise<number> =>
      await new Promise((resolve) => {
        request({ port, host: '127.0.0.1', method: 'POST', path: '/dashboard/sign-out', headers }, (answer) => {
          answer.resume()
          resolve(answer.statusCode ?? 0)
        }).end()
      })
    expect(await send({ cookie, ...(site && { 'Sec-Fetch-Site': site }), ...rest })).toBe(403)
    expect((await fetch(`${http}/dashboard`, { headers: { cookie } })).status).toBe(200)
    expect(await send({ cookie, Origin: http })).toBe(303)
  })

  it('takes no form that is too long, or that never ends', async () => {
    const { http, port } = await startRelay({ adminToken: TOKEN })
    const answer = await post(http, 'sign-in', { token: 'x'.repeat(5000) })
    expect(answer.status).toBe(400)
    const headers = { 'Sec-Fetch-Site': 'same-origin', Upgrade: 'h2c', Connection: 'Upgrade', 'Content-Length': 10 }
    const status = await new Promise((resolve) => {
      request({ port, host: '127.0.0.1', method: 'POST', path: '/dashboard/sign-in', headers }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      })
        .on('error', () => {})
        .flushHeaders()
    })
    expect(status).toBe(400)
  })

  it('answers other methods as HTTP wants it', async () => {
    const { http } = await startRelay({ adminToken: TOKEN })
    const ask = async (method: string, path: string): Promise<[number, string | null]> => {
      const { status, headers } = await fetch(`${http}/dashboard${path}`, { method, redirect: 'manual' })
      return [status, headers.get('allow')]
    }
    expect(await ask('HEAD', '')).toEqual([200, null])
    expect(await ask('DELETE', '')).toEqual([405, 'GET, HEAD'])
    expect(await ask('GET', '/drain')).toEqual([405, 'POST'])
    expect(await ask('GET', '/elsewhere')).toEqual([404, null])
    expect(await ask('GET', '/')).toEqual([303, null])
  })

  it('is on ADMIN_PORT alone, if there is one', async () => {
    const { http, relay } = await startRelay({ adminToken: TOKEN, adminPort: 0 })
    const admin = `http://127.0.0.1:${relay.adminAddress?.port}`
    expect((await fetch(`${http}/dashboard`)).status).toBe(404)
    expect((await fetch(`${admin}/dashboard`)).status).toBe(200)
    expect(await signIn(admin)).toMatch(/^baton-dashboard=/)
  })

  it('sends its script and style packed, once for each version', async () => {
    const { port, http } = await startRelay({ adminToken: TOKEN })
    const sizes = await Promise.all(
      ['', '/app.js', '/app.css'].map(
        async (path) =>
          await new Promise<number>((resolve) => {
            const headers = { 'Accept-Encoding': 'gzip' }
            request({ port, host: '127.0.0.1', path: `/dashboard${path}`, headers }, (answer) => {
              answer.resume()
              resolve(Number(answer.headers['content-length']))
            }).end()
          }),
      ),
    )
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(60_000)
    const { headers } = await fetch(`${http}/dashboard/app.js`)
    const again = await fetch(`${http}/dashboard/app.js`, { headers: { 'If-None-Match': headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
  })

  it('knows its script by any form of its tag, and says nothing of a body that is not sent (10.39)', async () => {
    const relay = await startRelay({ adminToken: TOKEN })
    const { headers } = await fetch(`${relay.http}/dashboard/app.js`)
    const tag = headers.get('etag')?.replace('W/', '') ?? ''
    // nginx makes a weak tag of each, for what it has compressed.
    for (const known of [tag, `W/${tag}`, `"other", W/${tag}`, '*']) {
      const client = await RawClient.connect(relay)
      const lines = `GET /dashboard/app.js HTTP/1.1\r\nHost: x\r\nIf-None-Match: ${known}\r\n\r\n`
      const head = await client.write(lines).head()
      expect(head).toMatchObject({ status: 304 })
      expect(head?.headers).not.toHaveProperty('content-length')
      // The next answer follows the head.
      expect(await client.write(lines).head()).toMatchObject({ status: 304 })
    }
    for (const other of ['"other"', 'W/"other"', tag.slice(1)]) {
      const answer = await fetch(`${relay.http}/dashboard/app.js`, { headers: { 'If-None-Match': other } })
      expect(answer.status).toBe(200)
    }
  })
})

describe('a sign-in', () => {
  const from = { headers: {}, socket: {} } as never
  const coming = (cookie: string): never => ({ headers: { cookie: cookie.split(';')[0] } }) as never

  it('ends after 12 hours', () => {
    let now = 0
    const signIns = new AdminSessions(() => now)
    const cookie = signIns.open(from)
    now = 12 * 3_600_000 - 1
    expect(signIns.idOf(coming(cookie))).toBeDefined()
    now++
    expect(signIns.idOf(coming(cookie))).toBeUndefined()
  })

  it('gives way to newer ones if there are too many', () => {
    const signIns = new AdminSessions()
    const cookies = Array.from({ length: 101 }, () => signIns.open(from))
    expect(cookies.filter((cookie) => signIns.idOf(coming(cookie)) !== undefined)).toEqual(cookies.slice(1))
  })
})
