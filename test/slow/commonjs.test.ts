import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../support/certificate.js'

// These use the package by its name, which means dist/: `npm test` builds it first.
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a program in CommonJS beside the package; what it prints. */
function run(program: string): unknown {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=commonjs', '--eval', program], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout)
}

const PROGRAM = `
import Relay = require('baton-relay')
import { closes, ListenError, Relay as Named, type RelayOptions, type Stats } from 'baton-relay'

const options: RelayOptions = { port: 3000, rateLimit: 100, roomExpiry: '24h', logLevel: 'info' }
const ImpossibleWriterRelay = Relay
const relay: Relay = new ImpossibleWriterRelay(options)
const other: Named = relay
const stats: Stats = other.stats()
relay.on('join', ({ count }) => count.toFixed())
export const figures: number = stats.currentRooms + Object.keys(closes).length
export const port = relay.listen().then(({ port }): number => port, (error) => error instanceof ListenError)
// @ts-expect-error There is no such option.
new Relay({ nonsense: 1 })
`

/** What the compiler has against a program in CommonJS that uses the package. */
function complaints(resolution: ts.CompilerOptions): string[] {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'baton-relay'))
  symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'))
  const file = join(folder, 'program.cts')
  writeFileSync(file, PROGRAM)
  const options = { ...resolution, target: ts.ScriptTarget.ES2022, strict: true, noEmit: true, types: ['node'] }
  return ts
    .getPreEmitDiagnostics(ts.createProgram([file], { ...options, skipLibCheck: true }))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}

describe('the library in CommonJS (10.45)', () => {
  it('is the class, as the Impossible Writer relay exports it', () => {
    const seed = `
      const ImpossibleWriterRelay = require('baton-relay')
      const relay = new ImpossibleWriterRelay({ port: 0, cleanupInterval: 60 * 60 * 1000, logLevel: 'silent' })
      relay.listen().then(async ({ port }) => {
        const { status } = await (await fetch('http://127.0.0.1:' + port + '/health')).json()
        await relay.close()
        console.log(JSON.stringify(status))
      })`
    expect(run(seed)).toBe('healthy')
  })

  it('has all other exports as properties, the same as those of the ES modules', () => {
    const names = `
      const library = require('baton-relay')
      import('baton-relay').then((modules) => console.log(JSON.stringify(
        Object.keys(modules).filter((name) => library[name] !== modules[name]),
      )))`
    expect(run(names)).toEqual([])
    expect(run(`const { Relay } = require('baton-relay'); console.log(Relay === Relay.default)`)).toBe(true)
  })

  it.each<[string, ts.CompilerOptions]>([
    ['module node16', { module: ts.ModuleKind.Node16 }],
    ['module nodenext', { module: ts.ModuleKind.NodeNext }],
    // What older compilers take for `--module commonjs`: it knows no "exports", and reads "types" instead.
    [
      'resolution node10',
      { module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10, ignoreDeprecations: '6.0' },
    ],
  ])('has types with %s', (_, resolution) => {
    expect(complaints(resolution)).toEqual([])
  })

  it('has the type of every export', () => {
    const types = readFileSync(join(root, 'src/index.d.cts'), 'utf8')
    const exported = [...readFileSync(join(root, 'src/index.ts'), 'utf8').matchAll(/^export (type )?\{(.*?)\}/gms)]
      .flatMap(([, , names = '']) => names.split(',').map((name) => name.trim().replace(/^type /, '')))
      // Functions and constants, which are no types, begin in lower case.
      .filter((name) => /^[A-Z]\w*$/.test(name))
    expect(exported.length).toBeGreaterThan(20)
    expect(exported.filter((name) => !types.includes(`export type ${name} = Library.${name}\n`))).toEqual([])
  })
})
