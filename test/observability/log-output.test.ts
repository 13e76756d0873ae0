import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { LogOutput } from '../../src/observability/log-output.js'

/** What the system answers to writes: takes them, has no room, or never answers. */
let system: 'takes' | 'full' | 'silent' = 'takes'
const tries = vi.fn()

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const write = (fd: number, bytes: Buffer, callback: (error: Error | null, written?: number) => void): void => {
    tries()
    if (system === 'takes') fs.write(fd, bytes, callback)
    else if (system === 'full') process.nextTick(callback, Object.assign(new Error(), { code: 'ENOSPC' }))
  }
  return { ...fs, write }
})

function createFile(): { output: LogOutput; text(): string } {
  const folder = mkdtempSync(join(tmpdir(), 'baton-output-'))
  const file = join(folder, 'log')
  const fd = openSync(file, 'w')
  onTestFinished(() => {
    closeSync(fd)
    rmSync(folder, { recursive: true })
  })
  return { output: new LogOutput(fd), text: () => readFileSync(file, 'utf8') }
}

describe('an output (10.2)', () => {
  beforeEach(() => {
    system = 'takes'
    tries.mockClear()
  })

  it('writes all in order, what comes in one turn at once', async () => {
    const { output, text } = createFile()
    for (const line of ['one\n', 'two\n', 'drei ü\n']) expect(output.write(line)).toBe(true)
    await output.drained(10_000)
    expect(text()).toBe('one\ntwo\ndrei ü\n')
    expect(tries).toHaveBeenCalledTimes(1)
  })

  it('keeps a bounded amount while the disk is full, tries again, and loses nothing of it', async () => {
    const { output, text } = createFile()
    const line = `${'x'.repeat(999)}\n`
    system = 'full'
    let taken = 0
    while (output.write(line)) taken++
    expect(taken).toBe(1048)
    await vi.waitUntil(() => tries.mock.calls.length > 2)
    expect(output.write(line)).toBe(false)
    const idle = vi.fn()
    output.onceIdle(idle)
    system = 'takes'
    await output.drained(10_000)
    expect(idle).toHaveBeenCalledTimes(1)
    expect(text()).toBe(line.repeat(taken))
    expect(output.write(line)).toBe(true)
    await output.drained(10_000)
  })

  it('waits no longer than it is told for a write that never returns', async () => {
    const { output } = createFile()
    system = 'silent'
    output.write('lost\n')
    await vi.waitUntil(() => output.writing)
    await output.drained(10)
    expect(output.writing).toBe(true)
  })
})
