// The platforms' own files, held to the keys that their documents describe. The platforms publish JSON schemas
// for some of them, but not as packages; a key that is not listed here is either misspelt or has to be looked up.
import assert from 'node:assert/strict'
import { parse as parseToml } from 'smol-toml'
import { parse as parseYaml } from 'yaml'
import { z } from 'zod'

const text = z.string().min(1)
const seconds = z.number().int().positive()

/** https://docs.railway.com/config-as-code/reference; the schema that the file names. */
const railway = z.strictObject({
  $schema: z.url(),
  build: z.strictObject({ builder: z.literal('DOCKERFILE'), dockerfilePath: text }),
  deploy: z.strictObject({
    healthcheckPath: text,
    healthcheckTimeout: seconds,
    restartPolicyType: z.enum(['ON_FAILURE', 'ALWAYS', 'NEVER']),
    restartPolicyMaxRetries: z.number().int(),
    drainingSeconds: seconds,
  }),
})

/** https://devcenter.heroku.com/articles/app-json-schema */
const heroku = z.strictObject({
  name: text.max(30),
  description: text,
  keywords: z.array(text),
  stack: z.enum(['heroku-22', 'heroku-24']),
  buildpacks: z.array(z.strictObject({ url: text })),
  formation: z.record(text, z.strictObject({ quantity: z.number().int(), size: text })),
  env: z.record(
    text,
    z.strictObject({
      description: text,
      value: text.optional(),
      required: z.boolean().optional(),
      generator: z.literal('secret').optional(),
    }),
  ),
})

/** https://render.com/docs/blueprint-spec */
const render = z.strictObject({
  services: z.array(
    z.strictObject({
      type: z.literal('web'),
      name: text,
      runtime: z.literal('docker'),
      dockerfilePath: text,
      plan: z.enum(['free', 'starter', 'standard', 'pro', 'pro plus']),
      numInstances: z.number().int(),
      healthCheckPath: text,
      maxShutdownDelaySeconds: seconds.max(300),
      envVars: z.array(
        z.union([
          z.strictObject({ key: text, value: text }),
          z.strictObject({ key: text, generateValue: z.literal(true) }),
          z.strictObject({ key: text, sync: z.literal(false) }),
        ]),
      ),
    }),
  ),
})

/** https://fly.io/docs/reference/configuration */
const fly = z.strictObject({
  app: text,
  primary_region: text,
  kill_signal: z.enum(['SIGINT', 'SIGTERM']),
  kill_timeout: text,
  build: z.strictObject({ dockerfile: text }),
  env: z.record(text, z.string()),
  http_service: z.strictObject({
    internal_port: z.number().int(),
    force_https: z.boolean(),
    auto_stop_machines: z.enum(['off', 'stop', 'suspend']),
    auto_start_machines: z.boolean(),
    min_machines_running: z.number().int(),
    concurrency: z.strictObject({ type: z.literal('connections'), soft_limit: seconds, hard_limit: seconds }),
    checks: z.array(z.strictObject({ method: text, path: text, interval: text, timeout: text, grace_period: text })),
  }),
  vm: z.array(z.strictObject({ size: text, memory: text })),
})

/** @type {[file: string, parse: (text: string) => unknown, shape: z.ZodType][]} */
const files = [
  ['railway.json', JSON.parse, railway],
  ['app.json', JSON.parse, heroku],
  ['render.yaml', parseYaml, render],
  ['fly.toml', parseToml, fly],
]

/** @param {(path: string) => string} read Reads a file of the repository. */
export function checkShapes(read) {
  for (const [file, parse, shape] of files) {
    const result = shape.safeParse(parse(read(file)))
    assert.ok(result.success, `${file}: ${result.error && z.prettifyError(result.error)}`)
  }
  assert.match(read('Procfile'), /^web: node dist\/cli\.js\n$/)
}

/**
 * There is no compiler of Bicep to be had as a package. Brackets and quotes are paired, every parameter and
 * variable is used, and the deployment takes and gives what its users rely on.
 *
 * @param {string} bicep
 */
export function checkBicep(bicep) {
  const code = bicep.replaceAll(/^\s*\/\/.*$/gm, '')
  const bare = code.replaceAll(/'(?:\$\{[^}]*\}|[^'\n])*'/g, '')
  assert.doesNotMatch(bare, /'/, 'relay.bicep: a quote is left open')
  for (const [open, close] of ['{}', '[]', '()']) {
    const count = (/** @type {string | undefined} */ bracket) => bare.split(bracket ?? '').length
    assert.equal(count(open), count(close), `relay.bicep: ${open} and ${close} are not paired`)
  }
  for (const [, name = ''] of code.matchAll(/^(?:param|var) (\w+)/gm)) {
    assert.ok(code.split(new RegExp(`\\b${name}\\b`)).length > 2, `relay.bicep: ${name} is not used`)
  }
  assert.match(code, /@allowed\(\['test', 'dev', 'prod'\]\)\nparam environment string\n/)
  assert.match(code, /^output relayUrl string = 'wss:/m)
}
