// Checks all that is shipped to deploy the relay with: `npm run check:deploy`. What needs a program that is
// missing is skipped by name, and fails with CI=true. That nginx, HAProxy and Caddy do their part is tried by
// test/deploy/, with the shipped files in the programs themselves.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { validate } from 'dockerfile-utils'
import dockerfilelint from 'dockerfilelint'
import { optionInfos } from '../dist/options/index.js'
import { checkImage } from './deploy/image.js'
import { checkKubernetes } from './deploy/kubernetes.js'
import { checkPm2 } from './deploy/pm2.js'
import { checkBicep, checkShapes } from './deploy/shapes.js'
import { checkVariables } from './deploy/variables.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (/** @type {string} */ path) => readFileSync(join(root, path), 'utf8')
const pages = readdirSync(join(root, 'docs/deploy')).map((page) => `docs/deploy/${page}`)

/** As `systemd-analyze security` counts: 10 times its exposure level, which is 1.8 now. */
const SYSTEMD_EXPOSURE = '20'

/**
 * Rules of style that would cost more than they give: the relay stands first, and older Compose knows no name.
 */
const COMPOSE_STYLE = ['service-keys-order', 'services-alphabetical-order', 'require-project-name-field']

/** What compose.yaml wants from the environment. */
const COMPOSE_ENV = {
  PUBLIC_HOST: 'relay.example.org',
  CLUSTER_SECRET: 'c'.repeat(32),
  TURN_SECRET: 't'.repeat(32),
  TURN_EXTERNAL_IP: '192.0.2.1',
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
function run(program, args, env = {}) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  assert.equal(status, 0, `${program} ${args.join(' ')}\n${stdout}${stderr}`)
}

/** @type {[what: string, check: () => unknown, program?: string][]} */
const checks = [
  ['every variable is an option', () => checkVariables(read, pages, new Set(optionInfos.map(({ env }) => env)))],
  ['platform files have known keys: Railway, Heroku, Render, Fly', () => checkShapes(read)],
  ['relay.bicep: brackets, parameters, output (not compiled)', () => checkBicep(read('azure/relay/relay.bicep'))],
  ['Kubernetes manifests compile against its types', () => checkKubernetes(root)],
  ['Dockerfile: dockerfilelint, dockerfile-utils', checkDockerfile],
  ['compose.yaml: dclint', checkCompose],
  ['compose.yaml: docker-compose, with its variables and without', checkComposeVariables, 'docker-compose'],
  [
    'prometheus.yml: promtool',
    () => run('promtool', ['check', 'config', '--syntax-only', 'deploy/prometheus/prometheus.yml']),
    'promtool',
  ],
  ['baton.service: systemd-analyze verify and security', checkUnit, 'systemd-analyze'],
  ['Dockerfile, step by step, in an empty folder', () => checkImage(root)],
  ['ecosystem.config.cjs under PM2', () => checkPm2(root)],
]

function checkDockerfile() {
  const dockerfile = read('Dockerfile')
  assert.deepEqual(validate(dockerfile, {}), [], 'dockerfile-utils')
  // It allows this option, and then reads no name with a hyphen in it.
  assert.deepEqual(dockerfilelint.run('', dockerfile.replace(' --start-period=5m', '')), [], 'dockerfilelint')
}

function checkCompose() {
  const quiet = COMPOSE_STYLE.flatMap((rule) => ['--disable-rule', rule])
  run('npx', ['--no-install', 'dclint', 'compose.yaml', '--max-warnings', '0', ...quiet])
  for (const [, host = ''] of read('compose.yaml').matchAll(/- \.\/([^:]+):/g)) {
    assert.doesNotThrow(() => execFileSync('test', ['-e', join(root, host)]), `compose.yaml mounts ${host}`)
  }
}

/** It starts with nothing but what is asked for, and not without: a secret has no default. */
function checkComposeVariables() {
  run('docker-compose', ['config', '--quiet'], COMPOSE_ENV)
  for (const name of Object.keys(COMPOSE_ENV)) {
    assert.throws(
      () => run('docker-compose', ['config', '--quiet'], { ...COMPOSE_ENV, [name]: '' }),
      /mandatory value|required variable/i,
      name,
    )
  }
}

/** With this machine's Node and this folder in place of theirs: systemd looks for the program. */
function checkUnit() {
  const folder = mkdtempSync(join(tmpdir(), 'baton-unit-'))
  try {
    const unit = join(folder, 'baton.service')
    writeFileSync(unit, read('deploy/baton.service').replace('/usr/bin/node', process.execPath))
    run('systemd-analyze', ['verify', '--man=no', unit])
    run('systemd-analyze', ['security', '--offline=yes', `--threshold=${SYSTEMD_EXPOSURE}`, unit])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

let failed = false
for (const [what, check, program] of checks) {
  if (program && spawnSync(program, ['--version']).error && process.env['CI'] !== 'true') {
    console.log(`skipped, because there is no ${program}: ${what}`)
    continue
  }
  const started = performance.now()
  try {
    await check()
    console.log(`ok (${((performance.now() - started) / 1000).toFixed(1)} s): ${what}`)
  } catch (error) {
    failed = true
    console.error(`FAILED: ${what}\n${error instanceof Error ? error.message : error}\n`)
  }
}
process.exitCode = failed ? 1 : 0
