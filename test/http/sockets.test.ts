import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { textResponse } from '../../src/http/response.js'
import { hangUpWith } from '../../src/http/response-writer.js'
import type { RelayOptions } from '../../src/index.js'
import { attachRelay } from '../support/attached.js'
import { makeCertificate } from '../support/certificate.js'
import { signIn, TOKEN } from '../support/dashboard.js'
import { upgradeRequest } from '../support/raw.js'
import { startRelay } from '../support/relay.js'
import { RelayCommand } from '../support/relay-command.js'

/** After how many turns of the event loop a connection is reset: what a page waits for takes one or more. */
const TURNS = [0, 1, 2, 3, 5, 8]

/** Errors that would have ended the process. */
const faults: unknown[] = []
const onFault = (error: unknown): void => void faults.push(error)

beforeEach(() => {
  faults.length = 0
  process.on('uncaughtException', onFault).on('unhandledRejection', onFault)
})

afterEach(() => {
  process.off('uncaughtException', onFault).off('unhandledRejection', onFault)
})

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Resets a connection that has sent some bytes, after so many turns of the event loop. */
type Reset = (port: number, bytes: string, after: number) => Promise<void>

const plainReset: Reset = async (port, bytes, after) => {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  socket.write(bytes)
  await turns(after)
  socket.resetAndDestroy()
}

const tlsReset: Reset = async (port, bytes, after) => {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  const secure = connectTls({ socket, rejectUnauthorized: false }).on('error', () => {})
  await once(secure, 'secureConnect')
  secure.write(bytes)
  await turns(after)
  socket.resetAndDestroy()
}

/** The same while TLS itself is still being spoken. */
const handshakeReset: Reset = async (port, _bytes, after) => {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  connectTls({ socket, rejectUnauthorized: false }).on('error', () => {})
  await turns(after)
  socket.resetAndDestroy()
}

const upgrades: [name: string, headers: Record<string, string | undefined>][] = [
  ['without an upgrade', { Upgrade: undefined, Connection: undefined, 'Sec-WebSocket-Key': undefined }],
  ['with an upgrade to h2c', { Upgrade: 'h2c', 'Sec-WebSocket-Key': undefined }],
  ['with an upgrade to a WebSocket', {}],
  ['with a bad upgrade to a WebSocket', { 'Sec-WebSocket-Key': 'x' }],
]

const paths = [
  '/',
  '/health',
  '/stats',
  '/metrics',
  '/ice-servers',
  '/dashboard',
  '/dashboard/app.js',
  '/dashboard/app.css',
  '/dashboard/events',
  '/nowhere',
  '/room/doc',
]

const options = {
  adminToken: TOKEN,
  stunUrls: 'stun:127.0.0.1:3478',
  // Whoever is reset comes again.
  connectionRatePerIp: 0,
} satisfies RelayOptions

/** Resets connections in all states, and sees that the relay serves on and keeps nothing. */
async function resetAll(reset: Reset, port: number, cookie: string, headers: object): Promise<void> {
  const all = { ...headers, Cookie: cookie, Authorization: `Bearer ${TOKEN}` }
  for (const path of paths) {
    for (const after of TURNS) await reset(port, upgradeRequest(path, all), after)
  }
  const post = upgradeRequest('/dashboard/drain', { ...all, 'Content-Length': '100' }, { method: 'POST' })
  for (const after of TURNS) await reset(port, `${post}confirm=`, after)
}

describe('a socket between two owners (10.1)', () => {
  describe.each(upgrades)('%s', (_name, headers) => {
    it.each([
      ['over TCP', plainReset, false],
      ['over TLS', tlsReset, true],
    ])('may be reset at any time %s', async (_how, reset, enableTls) => {
      const files = enableTls ? makeCertificate('reset') : {}
      const { port, relay } = await startRelay({ ...options, enableTls, ...files })
      const plain = enableTls ? await startRelay(options) : undefined
      const cookie = plain ? '' : await signIn(`http://127.0.0.1:${port}`)
      await resetAll(reset, port, cookie, headers)
      await relay.close({ drain: 0 })
      expect(relay.stats().currentConnections).toBe(0)
      expect(faults).toEqual([])
    })

    it('may be reset while a hook or a key set keeps its page waiting', async () => {
      const answers: ((verdict: boolean) => void)[] = []
      const authorize = (): Promise<boolean> => new Promise((resolve) => answers.push(resolve))
      const { port, relay } = await startRelay({ ...options, authorize })
      for (const path of ['/ice-servers', '/room/doc', '/']) await plainReset(port, upgradeRequest(path, headers), 5)
      for (const answer of answers) answer(true)
      await turns(5)
      await relay.close({ drain: 0 })
      expect(faults).toEqual([])
    })

    it('may be reset on the port of the administrative pages', async () => {
      const { relay } = await startRelay({ ...options, adminPort: 0 })
      const port = relay.adminAddress?.port ?? 0
      await resetAll(plainReset, port, await signIn(`http://127.0.0.1:${port}`), headers)
      await relay.close({ drain: 0 })
      expect(faults).toEqual([])
    })

    it('may be reset on the server of somebody else', async () => {
      const server = createServer((_request, response) => response.end('the app'))
      const { relay, port } = await attachRelay({}, { server })
      for (const path of ['/room/doc', '/', '/elsewhere']) {
        for (const after of TURNS) await plainReset(port, upgradeRequest(path, headers), after)
      }
      await relay.close({ drain: 0 })
      expect(faults).toEqual([])
    })
  })

  it('may be reset in the middle of a TLS handshake', async () => {
    const { port, relay } = await startRelay({ enableTls: true, ...makeCertificate('reset') })
    for (const after of TURNS) {
      await handshakeReset(port, '', after)
      await plainReset(port, '\x16\x03\x01', after)
      await plainReset(port, 'GET / HTTP/1.1\r\n\r\n', after)
      await plainReset(port, '', after)
    }
    await relay.close({ drain: 0 })
    expect(faults).toEqual([])
  })

  it.each(['\x00', 'GET', upgradeRequest('relay.example:80', {}, { method: 'CONNECT' })])(
    'may be reset before and after its request is refused',
    async (bytes) => {
      const { port, relay } = await startRelay()
      for (const after of TURNS) await plainReset(port, bytes, after)
      await relay.close({ drain: 0 })
      expect(faults).toEqual([])
    },
  )

  it('that is reset does not end the command, while it waits for the keys of a set', async () => {
    const held = createServer(() => {}).listen(0, '127.0.0.1')
    await once(held, 'listening')
    onTestFinished(() => {
      held.closeAllConnections()
      held.close()
    })
    const jwksUrl = `http://127.0.0.1:${(held.address() as AddressInfo).port}/keys`
    const relay = await RelayCommand.start({ JWKS_URL: jwksUrl, STUN_URLS: 'stun:127.0.0.1:3478' })
    const { port } = new URL(relay.url)
    const token = `Bearer ${['{"alg":"RS256","kid":"a"}', '{}', 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.')}`
    for (const upgrade of ['h2c', 'websocket', undefined]) {
      const headers = { Upgrade: upgrade, Authorization: token }
      for (const path of ['/ice-servers', '/room/doc']) {
        const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
        socket.write(upgradeRequest(path, headers))
        // By then it has read the request, too.
        await relay.health()
        socket.resetAndDestroy()
      }
    }
    expect(await relay.health()).toMatchObject({ code: 200 })
  })
})

describe('the socket of an upgrade (10.1)', () => {
  const src = fileURLToPath(new URL('../../src', import.meta.url))
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))

  it('comes to the relay in one place, which hears its errors', () => {
    const takers = files.filter((name) => {
      const source = ts.createSourceFile(name, readFileSync(join(src, name), 'utf8'), ts.ScriptTarget.Latest)
      return takesSockets(source)
    })
    expect(takers).toEqual(['http/sockets.ts'])
  })

  it('is written to only once its errors are heard, by its type', () => {
    // @ts-expect-error: nobody hears the errors of this one.
    hangUpWith(new Socket().destroy(), textResponse(404, ''))
  })
})

/** Whether a file listens to what makes HTTP let go of a socket, or claims that somebody hears a socket's errors. */
function takesSockets(node: ts.Node): boolean {
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const [first] = node.arguments
    const listens = /^(on|once|addListener|prependListener|prependOnceListener)$/.test(node.expression.name.text)
    if (listens && first && ts.isStringLiteral(first) && /^(upgrade|connect)$/.test(first.text)) return true
  }
  if (ts.isAsExpression(node) && ts.isTypeReferenceNode(node.type)) {
    if (ts.isIdentifier(node.type.typeName) && node.type.typeName.text === 'OwnedSocket') return true
  }
  return ts.forEachChild(node, (child) => takesSockets(child) || undefined) ?? false
}
