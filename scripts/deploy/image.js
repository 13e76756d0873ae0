// Does by hand what a builder does with the Dockerfile, in an empty folder, since a container engine is not
// everywhere: copies what .dockerignore lets through, runs the RUN lines, and starts the result as nobody. Every
// step is read from the Dockerfile. What the base images hold is not tried: the Node of this machine stands for theirs.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Copy, DockerfileParser } from 'dockerfile-ast'
import { freePort } from './port.js'

/** The user and the group `nobody`, where we may become it. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

/** Where the base images have Node. */
const NODE = '/nodejs/bin/node'

/**
 * @typedef {object} Stage
 * @property {string} root Its file system.
 * @property {string} workdir
 * @property {Record<string, string>} env
 * @property {Record<string, string>} settings Arguments of the instructions that only describe.
 */

/**
 * Builds and tries the image.
 *
 * @param {string} source The repository.
 */
export async function checkImage(source) {
  const folder = mkdtempSync(join(tmpdir(), 'baton-image-'))
  try {
    // For nobody, who passes through here.
    chmodSync(folder, 0o755)
    const context = copyContext(source, join(folder, 'context'))
    const image = build(readFileSync(join(source, 'Dockerfile'), 'utf8'), context, folder)
    checkPackages(image)
    await tryImage(image)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * What the builder gets: an allow-list of names, which is all of .dockerignore that is used here.
 *
 * @param {string} source
 * @param {string} context
 */
function copyContext(source, context) {
  const lines = readFileSync(join(source, '.dockerignore'), 'utf8').split('\n')
  const [first, ...names] = lines.filter((line) => line !== '' && !line.startsWith('#'))
  assert.equal(first, '*', '.dockerignore begins with what is not wanted: everything')
  for (const name of names) {
    assert.match(name, /^![\w./-]+$/, `.dockerignore: ${name} is not the plain name of something wanted`)
    const path = name.slice(1)
    assert.ok(existsSync(join(source, path)), `.dockerignore: there is no ${path}`)
    cpSync(join(source, path), join(context, path), { recursive: true })
  }
  return context
}

/**
 * @param {string} dockerfile
 * @param {string} context
 * @param {string} folder
 * @returns The last stage.
 */
function build(dockerfile, context, folder) {
  /** @type {Map<string, Stage>} */
  const stages = new Map()
  /** @type {Stage | undefined} */
  let stage
  for (const instruction of DockerfileParser.parse(dockerfile).getInstructions()) {
    const keyword = instruction.getKeyword()
    const words = instruction.getArguments().map((argument) => argument.getValue())
    const text = instruction.getArgumentsContent() ?? ''
    if (keyword === 'FROM') {
      const name = words[2] ?? 'last'
      stage = { root: join(folder, `stage-${name}`), workdir: '/', env: {}, settings: {} }
      mkdirSync(stage.root)
      stages.set(name, stage)
    } else if (stage) {
      const from = instruction instanceof Copy ? instruction.getFromFlag()?.getValue() : undefined
      const source = from ? stages.get(from)?.root : context
      assert.ok(source, `Dockerfile: there is no stage ${from}`)
      step(stage, keyword, words, text, source)
    }
  }
  assert.ok(stage, 'the Dockerfile has a stage')
  return stage
}

/**
 * @param {Stage} stage
 * @param {string} keyword
 * @param {string[]} words
 * @param {string} text
 * @param {string} source What COPY copies from.
 */
function step(stage, keyword, words, text, source) {
  const at = (/** @type {string} */ path) => join(stage.root, resolve(stage.workdir, path))
  if (keyword === 'WORKDIR') {
    stage.workdir = resolve(stage.workdir, text)
    mkdirSync(at('.'), { recursive: true })
  } else if (keyword === 'ENV') {
    const [, name = '', value = ''] = /^(\w+)=(\S+)$/.exec(text) ?? []
    stage.env[name] = value
  } else if (keyword === 'COPY') {
    copy(source, words, at)
  } else if (keyword === 'RUN') {
    execFileSync('sh', ['-c', text], {
      cwd: at('.'),
      env: { ...process.env, ...stage.env },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  } else if (['USER', 'EXPOSE', 'STOPSIGNAL', 'HEALTHCHECK', 'ENTRYPOINT'].includes(keyword)) {
    stage.settings[keyword] = text
  } else throw new Error(`Dockerfile: ${keyword} is not known to this check`)
}

/**
 * COPY: a folder's contents to a folder, files to a file or into a folder.
 *
 * @param {string} root
 * @param {string[]} words
 * @param {(path: string) => string} at
 */
function copy(root, words, at) {
  const [to = '', ...sources] = [...words].reverse()
  for (const source of sources) {
    const from = join(root, source)
    assert.ok(existsSync(from), `Dockerfile: COPY finds no ${source}`)
    const into = to.endsWith('/') && !source.includes('*')
    mkdirSync(dirname(at(to)), { recursive: true })
    cpSync(from, into ? join(at(to), basename(source)) : at(to), { recursive: true, verbatimSymlinks: true })
  }
}

/**
 * Every package that the relay imports, also those that it loads when they are needed, is in the image.
 *
 * @param {Stage} image
 */
function checkPackages({ root, workdir }) {
  const app = join(root, workdir)
  const dist = join(app, 'dist')
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.js'))
  const names = files.flatMap((file) =>
    [...readFileSync(join(dist, file), 'utf8').matchAll(/(?:from |import\()'([^.'][^']*)'/g)].map(
      ([, name = '']) => name,
    ),
  )
  for (const name of new Set(names.filter((name) => !name.startsWith('node:')))) {
    const folder = name.split('/', name.startsWith('@') ? 2 : 1).join('/')
    assert.ok(existsSync(join(app, 'node_modules', folder)), `the image lacks ${folder}, which the relay imports`)
  }
  assert.ok(!existsSync(join(app, 'node_modules', 'typescript')), 'the image has what only building needs')
}

/**
 * @param {string} text The arguments of an instruction in exec form.
 * @param {string} root
 * @returns {[command: string, args: string[]]}
 */
function execForm(text, root) {
  const [command, ...args] = JSON.parse(/\[.*\]$/.exec(text)?.[0] ?? 'null') ?? []
  assert.equal(command, NODE, `exec form, so that no shell stands between: ${text}`)
  return [process.execPath, args.map((/** @type {string} */ arg) => (arg.startsWith('/') ? join(root, arg) : arg))]
}

/**
 * Starts, asks for its health, stops.
 *
 * @param {Stage} image
 */
async function tryImage({ root, workdir, env, settings }) {
  const { ENTRYPOINT = '', HEALTHCHECK = '', STOPSIGNAL = '', USER = '' } = settings
  assert.ok(!['', 'root', '0'].includes(USER), 'the image does not run as root')
  const port = String(await freePort())
  const options = { cwd: join(root, workdir), env: { ...env, PORT: port }, ...NOBODY }
  const [command, args] = execForm(ENTRYPOINT, root)
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const lines = createInterface({ input: child.stdout })
    await once(lines, 'line')
    lines.resume()
    const [check, checkArgs] = execForm(HEALTHCHECK, root)
    execFileSync(check, checkArgs, { ...options, stdio: 'inherit' })
    assert.throws(
      () => execFileSync(check, checkArgs, { ...options, env: { PORT: '1' }, stdio: 'ignore' }),
      'a sick relay',
    )
    child.kill(/** @type {NodeJS.Signals} */ (STOPSIGNAL))
    assert.deepEqual(await once(child, 'exit'), [0, null], `the end after ${STOPSIGNAL}`)
  } finally {
    child.kill('SIGKILL')
  }
}
