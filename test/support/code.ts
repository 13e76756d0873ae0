import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import type * as ClusterNodeModule from '../../src/cluster/node.js'
import type * as ContextModule from '../../src/core/context.js'
import type * as SessionModule from '../../src/core/session.js'
import type * as DialectsModule from '../../src/dialects/dialects.js'

/** The code under test: that of `src/`, or a copy with a fault in it. */
export type Code = typeof ClusterNodeModule & typeof ContextModule & typeof SessionModule & typeof DialectsModule

/** Loads the code of `src/`. */
export async function loadCode(): Promise<Code> {
  return {
    ...(await import('../../src/cluster/node.js')),
    ...(await import('../../src/core/context.js')),
    ...(await import('../../src/core/session.js')),
    ...(await import('../../src/dialects/dialects.js')),
  }
}

/** A fault put into the code, which a test has to find. */
export interface Mutant {
  readonly name: string
  /** A file below `src/`, and what stands there instead of what. */
  readonly file: string
  readonly from: string
  readonly to: string
}

const transpiled = new Map<string, string>()

/** The same text is needed for every mutant but the one in which it has the fault. */
function transpile(text: string): string {
  const known = transpiled.get(text)
  if (known !== undefined) return known
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  const { outputText } = ts.transpileModule(text, { compilerOptions })
  transpiled.set(text, outputText)
  return outputText
}

const source = fileURLToPath(new URL('../../src/', import.meta.url))
const folders = ['core', 'dialects', 'cluster']

/** Loads a copy of the code with a fault in it. */
export async function loadMutant({ file, from, to }: Mutant): Promise<Code> {
  const root = mkdtempSync(join(tmpdir(), 'baton-mutant-'))
  try {
    for (const folder of folders) {
      mkdirSync(join(root, folder))
      for (const name of readdirSync(join(source, folder))) {
        let text = readFileSync(join(source, folder, name), 'utf8')
        if (`${folder}/${name}` === file) {
          if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
          text = text.replaceAll(from, to)
        }
        writeFileSync(join(root, folder, name.replace(/\.ts$/, '.js')), transpile(text))
      }
    }
    writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
    const paths = ['cluster/node.js', 'core/context.js', 'core/session.js', 'dialects/dialects.js']
    const modules = await Promise.all(
      paths.map((path) => import(/* @vite-ignore */ join(root, path)) as Promise<object>),
    )
    return Object.assign({}, ...modules) as Code
  } finally {
    rmSync(root, { recursive: true })
  }
}
