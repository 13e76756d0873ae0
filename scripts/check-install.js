// Tries a fresh checkout as those install it who want nothing that is only for development. Stops with an error
// at the first thing that is wrong.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { converse } from './package/converse.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * @param {string} folder
 * @param {string[]} args
 */
function npm(folder, args, env = {}) {
  const { status, stdout, stderr } = spawnSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  return { status, output: stdout + stderr }
}

const folder = mkdtempSync(join(tmpdir(), 'baton-install-'))
try {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root })
  for (const file of String(files).split('\0').filter(Boolean)) {
    if (existsSync(join(root, file))) cpSync(join(root, file), join(folder, file))
  }
  const production = { NODE_ENV: 'production' }
  for (const [args, env] of /** @type {const} */ ([[['ci', '--omit=dev']], [['ci'], production]])) {
    const { status, output } = npm(folder, [...args], env)
    assert.equal(status, 1, output)
    assert.match(output, /^To install, build and remove them again, run: npm run setup$/m)
  }
  const { status, output } = npm(folder, ['run', 'setup'], production)
  assert.equal(status, 0, output)
  assert.ok(!existsSync(join(folder, 'node_modules/typescript')), 'what only development needs is gone')
  await converse(['npm', 'start', '--'], folder)
  for (const [args, env] of /** @type {const} */ ([[['ci', '--omit=dev']], [['ci'], production]])) {
    const { status, output } = npm(folder, [...args], env)
    assert.equal(status, 0, output)
    assert.match(output, /^Baton: kept the build in dist/m)
  }
  await converse(['npm', 'start', '--'], folder)
  console.log('package: a checkout installs without what only development needs')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
