// Packs the package and tries it as its users get it: what is in it, its types, a conversation through the command in
// an empty folder, and the tarball unpacked. Stops with an error at the first thing that is wrong.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { converse } from './package/converse.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/** All that a package may hold. */
const ALLOWED =
  /^(package\.json|README\.md|SECURITY\.md|CHANGELOG\.md|CONTRIBUTING\.md|LICENSE|dist\/.+\.(c?js|d\.c?ts|css)|docs\/.+\.(md|svg|png)|(azure|deploy)\/.+|examples\/.+)$/

const REQUIRED = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'dist/index.js',
  'dist/index.d.ts',
  'dist/index.cjs',
  'dist/index.d.cts',
  'dist/cli.js',
  'dist/web/dashboard/app.js',
  'dist/web/dashboard/app.css',
  'dist/web/landing/app.js',
  'dist/web/landing/app.css',
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
  // With its scripts, as it is published.
  run('npm', ['pack', '--silent', '--pack-destination', folder], root)
  const [filename = ''] = readdirSync(folder)
  const tarball = join(folder, filename)
  const entries = run('tar', ['tzf', tarball], folder).trim().split('\n')
  const paths = entries.map((entry) => entry.replace('package/', ''))
  assert.deepEqual(
    paths.filter((path) => !ALLOWED.test(path)),
    [],
    'files that have no place in the package',
  )
  for (const path of REQUIRED) assert.ok(paths.includes(path), `${path} is missing from the package`)
  console.log(`package: ${paths.length} files`)
  return tarball
}

/**
 * What the package says of itself, and whether what its pages lead to is in it.
 *
 * @param {string} unpacked
 */
function checkManifest(unpacked) {
  const { scripts, repository, homepage, bugs } = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'))
  assert.deepEqual(Object.keys(scripts), ['start'], 'scripts in the packed package.json')
  assert.ok(repository?.url && homepage && bugs?.url, 'repository, homepage and bugs')
  const pages = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.md'))
  const links = pages.flatMap((page) => {
    const text = readFileSync(join(unpacked, page), 'utf8').replaceAll(/^```.*?^```$/gms, '')
    return [...text.matchAll(/\](?:\(|: )(?!https?:|#)([^)#\s]+)/g)].map(([, path = '']) => join(dirname(page), path))
  })
  assert.ok(links.length > 100)
  assert.deepEqual(
    links.filter((path) => !existsSync(join(unpacked, path))),
    [],
    'what the pages link to',
  )
}

/** A program in CommonJS and TypeScript, in both shapes. */
const COMMON_JS = `
import ImpossibleWriterRelay = require('baton-relay')
import { Relay, type RelayOptions } from 'baton-relay'
const options: RelayOptions = { logLevel: 'silent' }
const relay: Relay = new ImpossibleWriterRelay(options)
relay.close().then(() => console.log(relay instanceof Relay))
`

/**
 * Compiles it against the package and runs it, with as little as a word from Node.
 *
 * @param {string} folder
 */
function checkCommonJs(folder) {
  writeFileSync(join(folder, 'program.cts'), COMMON_JS)
  for (const module of ['node16', 'nodenext']) {
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
    run(join(root, 'node_modules/.bin/tsc'), ['--strict', '--module', module, ...types, 'program.cts'], folder)
    const { stdout, stderr } = spawnSync('node', ['program.cjs'], { cwd: folder, encoding: 'utf8' })
    assert.deepEqual([stdout, stderr], ['true\n', ''])
  }
  console.log('package: CommonJS has types with node16 and nodenext')
}

const folder = mkdtempSync(join(tmpdir(), 'baton-package-'))
try {
  const tarball = pack(folder)
  const tools = join(root, 'node_modules/.bin')
  execFileSync(join(tools, 'publint'), ['--strict', tarball], { stdio: 'inherit' })
  // node10 is no version that Baton runs on, and knows no "exports".
  execFileSync(join(tools, 'attw'), [tarball, '--profile', 'node16'], { stdio: 'inherit' })
  run('tar', ['xzf', tarball], folder)
  const unpacked = join(folder, 'package')
  checkManifest(unpacked)
  run('npm', ['install', '--omit=dev', '--no-audit', '--no-fund'], unpacked)
  await converse(['npm', 'start', '--'], unpacked)

  const app = join(folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "private": true, "type": "module" }\n')
  run('npm', ['install', '--omit=dev', '--no-audit', '--no-fund', tarball], app)
  checkCommonJs(app)
  console.log(`package: baton ${run('npx', ['baton', '--version'], app).trim()}`)
  const { status, stderr } = spawnSync('npx', ['baton', '--port', 'x'], { cwd: app, encoding: 'utf8' })
  assert.equal(status, 2, stderr)
  assert.match(stderr, /^--port: must be a whole number/m)
  run('node', ['--eval', "import('baton-relay').then(({ Relay }) => new Relay({ logLevel: 'silent' }).close())"], app)
  await converse(['npx', 'baton'], app)
  console.log('package: all is well')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
