// Packs the package and tries it as its users get it: what is in it, and a conversation through the command in
// an empty folder. Stops with an error at the first thing that is wrong.
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'

const root = fileURLToPath(new URL('..', import.meta.url))

/** All that a package may hold. */
const ALLOWED =
  /^(package\.json|README\.md|SECURITY\.md|CHANGELOG\.md|LICENSE|dist\/.+\.(js|d\.ts|css)|docs\/.+\.(md|svg|png)|deploy\/.+)$/

const REQUIRED = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'dist/index.js',
  'dist/index.d.ts',
  'dist/cli.js',
  'dist/dashboard/app.js',
  'dist/dashboard/app.css',
  'docs/configuration.md',
  'docs/library.md',
  'docs/protocol/README.md',
]

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 */
function run(command, args, cwd) {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

/**
 * Packs into a folder.
 *
 * @param {string} folder
 * @returns The tarball.
 */
function pack(folder) {
  const [{ filename, files }] = JSON.parse(
    run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], root),
  )
  const paths = files.map((/** @type {{ path: string }} */ { path }) => path)
  assert.deepEqual(
    paths.filter((/** @type {string} */ path) => !ALLOWED.test(path)),
    [],
    'files that have no place in the package',
  )
  for (const path of REQUIRED) assert.ok(paths.includes(path), `${path} is missing from the package`)
  console.log(`package: ${paths.length} files`)
  return join(folder, filename)
}

/**
 * Has two clients talk through `npx baton`.
 *
 * @param {string} folder
 */
async function converse(folder) {
  // A group of its own, so that the signal reaches the relay behind npx as CTRL+C does.
  const baton = spawn('npx', ['baton', '--port', '0', '--host', '127.0.0.1', '--environment', 'production'], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const lines = createInterface({ input: baton.stdout })[Symbol.asyncIterator]()
    const { port } = JSON.parse((await lines.next()).value)
    const url = `ws://127.0.0.1:${port}/room/doc`
    const ann = new WebSocket(url)
    await once(ann, 'message')
    const ben = new WebSocket(`${url}?nickname=Ben`)
    await Promise.all([once(ann, 'message'), once(ben, 'message')])
    ann.send('{"type":"content","data":"Hello"}')
    const [message] = await once(ben, 'message')
    assert.match(String(message), /^{"type":"content","data":"Hello",/)
    process.kill(-Number(baton.pid), 'SIGTERM')
    const [code] = await once(ben, 'close')
    assert.equal(code, 1001)
    await once(baton, 'close')
    console.log('package: two clients talked through npx baton')
  } finally {
    if (baton.exitCode === null && baton.signalCode === null) process.kill(-Number(baton.pid), 'SIGKILL')
  }
}

const folder = mkdtempSync(join(tmpdir(), 'baton-package-'))
try {
  const tarball = pack(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  run('npm', ['install', '--omit=dev', '--no-audit', '--no-fund', tarball], folder)
  console.log(`package: baton ${run('npx', ['baton', '--version'], folder).trim()}`)
  const { status, stderr } = spawnSync('npx', ['baton', '--port', 'x'], { cwd: folder, encoding: 'utf8' })
  assert.equal(status, 2, stderr)
  assert.match(stderr, /^--port: must be a whole number/m)
  run(
    'node',
    ['--eval', "import('baton-relay').then(({ Relay }) => new Relay({ logLevel: 'silent' }).close())"],
    folder,
  )
  await converse(folder)
  console.log('package: all is well')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
