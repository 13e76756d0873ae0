import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { type Logger, OptionsError, Relay } from '../../src/index.js'
import { startRelay } from '../support/relay.js'

/** A logger that keeps its lines. */
function createLogger(): { logger: Logger; lines: [level: string, message: string, fields: object][] } {
  const lines: [string, string, object][] = []
  const write = (level: string) => (fields: object, message: string) => void lines.push([level, message, fields])
  const levels = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  return { logger: { ...levels, isLevelEnabled: (level) => level !== 'debug' }, lines }
}

describe('a logger of one’s own', () => {
  it('gets the lines of the relay, at the levels that it has', async () => {
    const { logger, lines } = createLogger()
    const { relay, open } = await startRelay({ logger, logLevel: 'silent', logRoomNames: true })
    await (await open('/room/doc')).json()
    await relay.close()
    const messages = lines.map(([level, message]) => `${level} ${message}`)
    expect(messages).toEqual(
      expect.arrayContaining(['info Relay listening', 'info User joined room', 'info Relay stopped']),
    )
    expect(messages.filter((message) => message.startsWith('debug'))).toEqual([])
    const joined = lines.find(([, message]) => message === 'User joined room')
    expect(joined?.[2]).toMatchObject({ dialect: 'impossible-writer', roomId: 'doc', userCount: 1 })
  })

  it('may be pino’s', async () => {
    const lines: unknown[] = []
    const logger = pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) })
    const { relay } = await startRelay({ logger })
    await relay.close()
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'Relay listening', tls: false }))
  })

  it('leaves nothing on standard output', () => {
    const program = `
      import { Relay } from './dist/index.js'
      const logger = { debug() {}, info() {}, warn() {}, error() {}, isLevelEnabled: () => true }
      const relay = new Relay({ port: 0, host: '127.0.0.1', logger })
      await relay.listen()
      await relay.close()`
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd, encoding: 'utf8' })
    expect(ended).toMatchObject({ status: 0, stdout: '', stderr: '' })
  })

  it('costs a line and nothing else where it throws, which /health tells until it writes again', async () => {
    const { logger, lines } = createLogger()
    let broken = false
    const info = (fields: object, message: string): void => {
      if (broken) throw new Error('disk full')
      logger.info(fields, message)
    }
    const { open, http } = await startRelay({ logger: { ...logger, info } })
    const look = async (): Promise<unknown> => await (await fetch(`${http}/health`)).json()
    broken = true
    await (await open('/room/doc')).json()
    expect(await look()).toMatchObject({ status: 'degraded', reasons: ['The log cannot be written: lines are lost.'] })
    expect(await (await fetch(`${http}/metrics`)).text()).toMatch(/^baton_log_lines_lost_total [1-9]/m)
    broken = false
    await (await open('/room/doc')).json()
    expect(await look()).toMatchObject({ status: 'healthy' })
    expect(lines.at(-1)?.[1]).toBe('User joined room')
  })

  it.each([null, {}, { ...createLogger().logger, isLevelEnabled: true }])('is refused as %j', (logger) => {
    expect(() => new Relay({ logger: logger as never })).toThrow(OptionsError)
    expect(() => new Relay({ logger: logger as never })).toThrow('logger: must have the methods debug, info')
  })
})
