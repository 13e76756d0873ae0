import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Client } from './support/client.js'
import { describeWith, hasCommand } from './support/needs.js'
import { startRelay } from './support/relay.js'

// The examples import the package by its name, which means dist/: `npm test` builds it first.
const root = fileURLToPath(new URL('..', import.meta.url))

/** A program of which the test reads line after line; stopped at the end of the test. */
class Program {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #exit: Promise<unknown[]>

  constructor(command: string, args: string[], port: number) {
    const env = { ...process.env, PORT: String(port), NODE_ENV: 'production' }
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    this.#child = child
    this.#exit = once(child, 'exit')
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  /** The next line that fits; those before it are passed over. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done) throw new Error(`It ended without a line like ${pattern}`)
      const match = pattern.exec(value)
      if (match) return match
    }
  }

  /** The port that it says it listens on. */
  async port(): Promise<number> {
    const [, port] = await this.line(/port"?: ?(\d+)/)
    return Number(port)
  }

  /** All further lines, and then the exit code. */
  async rest(): Promise<[string[], unknown]> {
    const lines: string[] = []
    for (let next = await this.#lines.next(); !next.done; next = await this.#lines.next()) lines.push(next.value)
    const [code] = await this.#exit
    return [lines, code]
  }

  /** Asks it to stop, and waits for its exit code. */
  async stop(): Promise<unknown> {
    this.#child.kill('SIGTERM')
    const [code] = await this.#exit
    return code
  }
}

async function open(port: number, path: string, headers: Record<string, string> = {}): Promise<Client> {
  const client = await Client.open(`ws://127.0.0.1:${port}${path}`, { headers })
  onTestFinished(() => client.drop())
  return client
}

it.each(['minimal', 'attach', 'authorize'])(
  'examples/%s.js says in one line that its port is taken (10.44)',
  async (name) => {
    const { port } = await startRelay()
    const { status, stderr } = spawnSync(process.execPath, [`examples/${name}.js`], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, PORT: String(port) },
    })
    expect(status).toBe(1)
    expect(stderr).toMatch(/^.*(already in use|EADDRINUSE).*\n$/)
  },
)

describe('examples/minimal.js', () => {
  it('relays, says who comes and goes, and stops when told to', async () => {
    const program = new Program(process.execPath, ['examples/minimal.js'], 0)
    const port = await program.port()
    const ann = await open(port, '/raw/room')
    await program.line(/^Joined, 1 in the room \(opaque\)$/)
    const ben = await open(port, '/raw/room')
    await program.line(/^Joined, 2 in the room \(opaque\)$/)

    ann.send('Hello')
    expect(await ben.next()).toEqual({ text: 'Hello' })
    await ann.leave()
    await program.line(/^Left, 1 in the room \(opaque\)$/)
    expect(await program.stop()).toBe(0)
    expect(await ben.closed()).toEqual({ code: 1001, reason: 'Server shutting down' })
  })
})

describe('examples/attach.js', () => {
  it('serves the pages and the WebSocket of the app, and the relay beside them', async () => {
    const program = new Program(process.execPath, ['examples/attach.js'], 0)
    const port = await program.port()
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('The app\n')

    const own = await open(port, '/echo')
    own.send('Hello')
    expect(await own.next()).toEqual({ text: 'echo: Hello' })

    const ann = await open(port, '/relay/room/doc')
    expect(await ann.json()).toMatchObject({ type: 'connected', userCount: 1 })
    expect(await (await fetch(`http://127.0.0.1:${port}/members`)).text()).toBe('1\n')
    await expect(open(port, '/room/doc')).rejects.toThrow('Unexpected server response: 404')
    expect(await program.stop()).toBe(0)
  })
})

describe('examples/authorize.js', () => {
  it('knows users by cookie or token, and opens only their own rooms and the lobby to them', async () => {
    const program = new Program(process.execPath, ['examples/authorize.js'], 0)
    const port = await program.port()

    const ann = { cookie: 'theme=dark; session=5f0c9a61e2' }
    const ben = { authorization: 'Bearer b83d17c4f9' }
    await open(port, '/room/ann-notes', ann)
    await program.line(/^ann joined ann-notes$/)
    await open(port, '/room/lobby', ben)
    await program.line(/^ben joined lobby$/)

    const curious = await open(port, '/room/ann-notes', ben)
    expect(await curious.closed()).toEqual({ code: 1008, reason: 'Not allowed in this room' })
    const stranger = await open(port, '/room/lobby', { cookie: 'session=guess' })
    expect(await stranger.closed()).toEqual({ code: 1008, reason: 'Not allowed' })
    expect(await program.stop()).toBe(0)
  })
})

describeWith('curl', hasCommand('curl'), 'examples/curl.sh', () => {
  it('shows the pages and their errors', async () => {
    const { port } = await startRelay()
    const [lines, code] = await new Program('sh', ['examples/curl.sh'], port).rest()

    expect(code).toBe(0)
    expect(lines.filter((line) => /^HTTP|"status"|"messagesRelayed"|^Allow|^Baton|^Missing/.test(line))).toEqual([
      '  "status": "healthy",',
      '  "messagesRelayed": 0,',
      'HTTP/1.1 200 OK',
      'HTTP/1.1 204 No Content',
      'Allow: GET, HEAD, OPTIONS',
      'HTTP/1.1 404 Not Found',
      'Baton relay - Use WebSocket endpoint: ws://host/room/{roomId}',
      'HTTP/1.1 400 Bad Request',
      'Missing or bad Sec-WebSocket-Key',
    ])
  })
})

describe('examples/wscat.sh', () => {
  it('is a conversation of two', async () => {
    const { port } = await startRelay()
    const [lines, code] = await new Program('sh', ['examples/wscat.sh'], port).rest()

    expect(code).toBe(0)
    expect(lines.map((line) => line.replaceAll(/"connectionId":"[0-9a-f]{16}"|"timestamp":\d+/g, '…'))).toEqual([
      'Ann hears {"type":"connected",…,"roomId":"doc","userCount":1}',
      'Ben hears {"type":"connected",…,"roomId":"doc","userCount":2}',
      'Ann hears {"type":"user-joined",…,"nickname":"Ben","userCount":2}',
      'Ann hears {"type":"content","data":"Hello",…,…}',
      'Ann hears {"type":"user-left",…,"nickname":"Ben","userCount":1}',
    ])
  })
})

describe.each(['README.md', 'docs/library.md', 'docs/authentication.md'])('the code in %s', (page) => {
  const blocks = [...readFileSync(`${root}${page}`, 'utf8').matchAll(/^```js\n(.*?)^```$/gms)]
    .map(([, code = '']) => code)
    .filter((code) => code.includes('new Relay('))

  it('is there', () => {
    expect(blocks).not.toEqual([])
  })

  it.each(blocks)('runs, and ends when its relay is closed:\n%s', async (code) => {
    // On a free port, whatever else runs here.
    const source = `${code.replaceAll('3000', '0')}\nawait relay.close({ drain: 0 })\nif (typeof app !== 'undefined') app.close()`
    const [, exit] = await new Program(process.execPath, ['--input-type=module', '--eval', source], 0).rest()
    expect(exit).toBe(0)
  })
})
