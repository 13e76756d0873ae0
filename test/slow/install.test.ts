import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../support/certificate.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A checkout in which nothing is installed but what runs the relay. */
function checkout(): string {
  const folder = temporaryFolder()
  for (const path of ['package.json', 'scripts']) cpSync(join(root, path), join(folder, path), { recursive: true })
  return folder
}

function npm(folder: string, script: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('npm', ['run', script], { cwd: folder, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

describe('an install without development packages (10.42)', () => {
  it.each(['prepare', 'build'])('says what to do when there is no build: npm run %s', (script) => {
    const { status, output } = npm(checkout(), script)
    expect(status).toBe(1)
    expect(output).toContain('To install, build and remove them again, run: npm run setup')
    expect(output).not.toContain('tsc: not found')
  })

  it('keeps the build that is there', () => {
    const folder = checkout()
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'dist/cli.js'), '')
    expect(npm(folder, 'prepare')).toMatchObject({ status: 0 })
    expect(existsSync(join(folder, 'dist/cli.js'))).toBe(true)
    expect(npm(folder, 'build')).toMatchObject({ status: 1 })
    expect(existsSync(join(folder, 'dist/cli.js'))).toBe(true)
  })
})

describe('what is packed as package.json (10.42)', () => {
  const step = (folder: string, name: string): unknown => {
    expect(spawnSync(process.execPath, [join(folder, 'scripts/manifest.js'), name]).status).toBe(0)
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  }

  it('builds nothing, and is whole again afterwards', () => {
    const folder = checkout()
    const whole = readFileSync(join(folder, 'package.json'), 'utf8')
    const packed = step(folder, 'strip')
    expect(packed).toMatchObject({ name: 'baton-relay', scripts: { start: 'exec node dist/cli.js' } })
    expect(packed).not.toHaveProperty('scripts.prepare')
    expect(packed).not.toHaveProperty('devDependencies')
    // As if the first packing had been interrupted.
    expect(step(folder, 'strip')).toEqual(packed)
    step(folder, 'restore')
    expect(readFileSync(join(folder, 'package.json'), 'utf8')).toBe(whole)
  })

  it('says where the project is', () => {
    const { repository, homepage, bugs } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect([repository.url, homepage, bugs.url]).toEqual(Array(3).fill(expect.stringMatching(/^(git\+)?https:\/\//)))
  })
})
