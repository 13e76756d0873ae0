// Every variable that a deployment names for the relay is an option's, so that none is misspelt or left behind.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { parse as parseToml } from 'smol-toml'
import { parseAllDocuments, parse as parseYaml } from 'yaml'

/** Variables in configuration, by the file that sets them for the relay. */
/** @type {Readonly<Record<string, (text: string) => string[]>>} */
const readers = {
  Dockerfile: (text) => [...text.matchAll(/^ENV (\w+)=/gm)].map(([, name = '']) => name),
  'deploy/health.js': (text) =>
    (/\{ (.+) \} = process\.env/.exec(text)?.[1] ?? '').split(', ').map((name) => name.split(' ')[0] ?? ''),
  'compose.yaml': (text) => Object.keys(parseYaml(text).services.relay.environment),
  'app.json': (text) => Object.keys(JSON.parse(text).env),
  'render.yaml': (text) => parseYaml(text).services[0].envVars.map((/** @type {{ key: string }} */ { key }) => key),
  'fly.toml': (text) => Object.keys(/** @type {{ env: object }} */ (/** @type {unknown} */ (parseToml(text))).env),
  'deploy/baton.service': (text) => [...text.matchAll(/^Environment=(\w+)=/gm)].map(([, name = '']) => name),
  'azure/relay/relay.bicep': (text) => [...text.matchAll(/name: '([A-Z_]+)'/g)].map(([, name = '']) => name),
  'deploy/kubernetes/deployment.yaml': (text) =>
    parseAllDocuments(text).flatMap((document) =>
      document.toJS().spec.template.spec.containers[0].env.map((/** @type {{ name: string }} */ { name }) => name),
    ),
}

/** What the pages call variables, and the relay does not read: the platforms' and other programs' own. */
const FOREIGN = new Set(['NPM_CONFIG_PRODUCTION', 'PUBLIC_HOST', 'TURN_EXTERNAL_IP', 'NOTIFY_SOCKET', 'WATCHDOG_USEC'])

/**
 * @param {(path: string) => string} read Reads a file of the repository.
 * @param {readonly string[]} pages The pages of docs/deploy/.
 * @param {ReadonlySet<string>} options The options' variables.
 */
export function checkVariables(read, pages, options) {
  /** @type {string[]} */
  const unknown = []
  for (const [file, variables] of Object.entries(readers)) {
    const names = variables(read(file))
    assert.ok(names.length > 0, `${file}: no variables found`)
    unknown.push(...names.filter((name) => !options.has(name)).map((name) => `${file}: ${name}`))
  }
  const { apps } = createRequire(import.meta.url)('../../ecosystem.config.cjs')
  unknown.push(
    ...Object.keys(apps[0].env)
      .filter((name) => !options.has(name))
      .map((name) => `ecosystem.config.cjs: ${name}`),
  )
  for (const page of pages) {
    // Set as NAME=value, or named in backticks.
    const names = [...read(page).matchAll(/\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?==)|`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`/g)].map(
      ([, set, named]) => set ?? named ?? '',
    )
    unknown.push(...names.filter((name) => !options.has(name) && !FOREIGN.has(name)).map((name) => `${page}: ${name}`))
  }
  assert.deepEqual([...new Set(unknown)], [], 'variables that are no option’s')
}
