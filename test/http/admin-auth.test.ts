import dns from 'node:dns'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Relay, type RelayOptions } from '../../src/index.js'
import { freePorts } from '../support/pebble.js'
import { limitsHit, startRelay, type TestRelay } from '../support/relay.js'

const TOKEN = 'correct horse battery staple'

type Found = (error: Error) => void

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

async function ask(url: string, authorization?: string, method = 'GET'): Promise<Response> {
  return await fetch(url, { method, headers: authorization === undefined ? {} : { Authorization: authorization } })
}

/** A relay with an admin port that the system chose. */
async function startWithAdminPort(options: RelayOptions = {}): Promise<TestRelay & { admin: string }> {
  const relay = await startRelay({ adminPort: 0, ...options })
  return { ...relay, admin: `http://127.0.0.1:${relay.relay.adminAddress?.port}` }
}

describe('ADMIN_TOKEN', () => {
  it.each([
    `Bearer ${TOKEN.replaceAll(' ', '-')}`,
    `bearer   ${TOKEN.replaceAll(' ', '-')}`,
    basic('', TOKEN.replaceAll(' ', '-')),
    basic('ann', TOKEN.replaceAll(' ', '-')),
  ])('lets in who has it: %s', async (authorization) => {
    const { http } = await startRelay({ adminToken: TOKEN.replaceAll(' ', '-') })
    const response = await ask(`${http}/stats`, authorization)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ currentConnections: 0 })
  })

  it('may hold any character as a password', async () => {
    const token = `${TOKEN}: ñ€ :`
    const { http } = await startRelay({ adminToken: token })
    expect((await ask(`${http}/stats`, basic('ann', token))).status).toBe(200)
  })

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${TOKEN.slice(1)}`,
    `Bearer ${TOKEN.toUpperCase()}`,
    `Bearer ${'x'.repeat(10_000)}`,
    `Digest ${TOKEN}`,
    basic(TOKEN, ''),
    'Basic !!!',
  ])('keeps out who has it not: %j', async (authorization) => {
    const { http } = await startRelay({ adminToken: TOKEN })
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST']) {
      const response = await ask(`${http}/stats`, authorization, method)
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe(
        'Basic realm="Baton", charset="UTF-8", Bearer realm="Baton"',
      )
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
      expect(await response.text()).not.toContain('connections')
    }
  })

  it('guessed wrong is counted, and costs a connection', async () => {
    const { relay, http } = await startRelay({ adminToken: TOKEN })
    const hit = limitsHit(relay)
    await ask(`${http}/stats`)
    expect(hit).toEqual([])
    const response = await ask(`${http}/stats`, 'Bearer 123456')
    expect(response.headers.get('connection')).toBe('close')
    expect(hit).toEqual(['admin-token'])
  })

  it('is not asked for health, nor for the page at /', async () => {
    const { http } = await startRelay({ adminToken: TOKEN })
    for (const path of ['/', '/health']) expect((await ask(http + path)).status).toBe(200)
  })

  it('is asked on ADMIN_PORT too', async () => {
    const { admin } = await startWithAdminPort({ adminToken: TOKEN.replaceAll(' ', '-') })
    expect((await ask(`${admin}/stats`)).status).toBe(401)
    expect((await ask(`${admin}/stats`, `Bearer ${TOKEN.replaceAll(' ', '-')}`)).status).toBe(200)
  })
})

describe('ADMIN_PORT', () => {
  it('takes the administrative pages away from PORT; health is on both', async () => {
    const { http, admin } = await startWithAdminPort()
    const statusesOf = async (base: string): Promise<number[]> =>
      (await Promise.all(['/stats', '/health', '/'].map((path) => ask(base + path)))).map(({ status }) => status)
    expect(await statusesOf(http)).toEqual([404, 200, 200])
    expect(await statusesOf(admin)).toEqual([200, 200, 404])
  })

  it('serves no WebSockets', async () => {
    const { admin } = await startWithAdminPort()
    const { WebSocket } = await import('ws')
    const socket = new WebSocket(`${admin.replace('http', 'ws')}/raw/x`)
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve))
    expect(error.message).toBe('Unexpected server response: 404')
  })

  it('is not limited to the networks of the clients', async () => {
    const { admin, http } = await startWithAdminPort({ allowNetworks: '192.0.2.0/24' })
    expect((await ask(`${http}/`)).status).toBe(403)
    expect((await ask(`${admin}/stats`)).status).toBe(200)
  })

  it('closes with the relay', async () => {
    const { relay, admin } = await startWithAdminPort()
    await ask(`${admin}/stats`)
    await relay.close({ drain: 0 })
    expect(relay.adminAddress).toBeUndefined()
    await expect(ask(`${admin}/stats`)).rejects.toThrow()
  })

  it('that is taken stops the start, and frees PORT again', async () => {
    const { relay } = await startWithAdminPort()
    const options = { port: 0, host: '127.0.0.1', logLevel: 'silent' } as const
    const second = new Relay({ ...options, adminPort: Number(relay.adminAddress?.port) })
    await expect(second.listen()).rejects.toThrow(/^Port \d+ is already in use\./)
    await second.close({ drain: 0 })
  })

  it('that cannot be had stops the start before anybody was let in on PORT', async () => {
    const [port = 0] = await freePorts(1)
    let met: unknown
    // Finding the address of a host may take seconds.
    const original = dns.lookup as (...args: unknown[]) => void
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((...args: unknown[]) => {
      if (args[0] !== 'nowhere.example') {
        original(...args)
        return
      }
      const early = connect(port, '127.0.0.1')
      const end = (what: unknown): void => {
        met = what
        early.destroy()
        ;(args.at(-1) as Found)(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }))
      }
      early.on('connect', () => end('connect')).on('error', end)
    }) as never)
    onTestFinished(() => lookup.mockRestore())
    const relay = new Relay({ port, host: '127.0.0.1', adminPort: 0, adminHost: 'nowhere.example', logLevel: 'silent' })
    await expect(relay.listen()).rejects.toThrow('The host nowhere.example is not known.')
    expect(met).toMatchObject({ code: 'ECONNREFUSED' })
  })
})
