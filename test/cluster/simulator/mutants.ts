import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import type { Code } from './code.js'
import type { Fault } from './world.js'

/** A fault put into the protocol, which the simulation has to find. */
export interface Mutant {
  readonly name: string
  /** A file of `src/cluster/`, and what stands there instead of what. */
  readonly file: string
  readonly from: string
  readonly to: string
  /** What has to go wrong for it to show. */
  readonly faults: readonly Fault[]
}

export const mutants: readonly Mutant[] = [
  {
    name: 'what comes twice counts twice',
    file: 'remote.ts',
    from: 'if (last <= this.s) return 0',
    to: '',
    faults: [],
  },
  {
    name: 'joins and leaves that are missing are not noticed',
    file: 'remote.ts',
    from: 'this.synced = batch.pv === this.v',
    to: 'this.synced = true',
    faults: ['cut'],
  },
  {
    name: 'a node introduces itself before it can hear the answers',
    file: 'link.ts',
    from: 'await this.#node.subscribe(this.channel)',
    to: 'void this.#node.subscribe(this.channel)',
    faults: [],
  },
  {
    name: 'a newcomer waits for the first answer only',
    file: 'link.ts',
    from: 'if (this.opening !== undefined && this.#hosts.complete(this.#node.id)) this.#goLive()',
    to: 'if (this.opening !== undefined && this.shared) this.#goLive()',
    faults: [],
  },
  {
    name: 'leaves are not told',
    file: 'link.ts',
    from: "this.#change({ what: 'leave', key: session.id })",
    to: '',
    faults: [],
  },
  {
    name: 'nodes do not agree on when a room was opened',
    file: 'link.ts',
    from: 'this.#rooms.backdate(room, created)',
    to: 'void created',
    faults: [],
  },
  {
    name: 'a node that is silent is not given up',
    file: 'peers.ts',
    from: 'now - heard > DOWN',
    to: 'now - heard > DOWN * 1000',
    faults: ['kill'],
  },
  {
    name: 'whoever hears nothing gives up the others',
    file: 'node.ts',
    from: 'this.#peers.refresh(now)',
    to: 'void this.#peers',
    faults: ['restart'],
  },
  {
    name: 'a node that was away keeps its members',
    file: 'node.ts',
    from: 'link.evict(Math.random() * EVICTION)',
    to: 'void EVICTION',
    faults: ['sleep', 'hole'],
  },
  {
    name: 'a node that slept hears what is old',
    file: 'node.ts',
    from: "if (this.connected) this.reset('out of touch for too long')",
    to: '',
    faults: ['sleep'],
  },
  {
    name: 'a node does not notice that it slept',
    file: 'pulse.ts',
    from: 'return now - this.#echoed >= FENCE',
    to: 'return now < 0',
    faults: ['sleep', 'hole'],
  },
]

const source = fileURLToPath(new URL('../../../src/', import.meta.url))
const folders = ['core', 'dialects', 'cluster']

/** Loads a copy of the code with a fault in it. */
export async function loadMutant({ file, from, to }: Mutant): Promise<Code> {
  const root = mkdtempSync(join(tmpdir(), 'baton-mutant-'))
  try {
    for (const folder of folders) {
      mkdirSync(join(root, folder))
      for (const name of readdirSync(join(source, folder))) {
        let text = readFileSync(join(source, folder, name), 'utf8')
        if (folder === 'cluster' && name === file) {
          if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
          text = text.replaceAll(from, to)
        }
        const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
        const { outputText } = ts.transpileModule(text, { compilerOptions: options })
        writeFileSync(join(root, folder, name.replace(/\.ts$/, '.js')), outputText)
      }
    }
    writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
    const paths = ['cluster/node.js', 'core/hub.js', 'core/session.js', 'dialects/index.js']
    const modules = await Promise.all(
      paths.map((path) => import(/* @vite-ignore */ join(root, path)) as Promise<object>),
    )
    return Object.assign({}, ...modules) as Code
  } finally {
    rmSync(root, { recursive: true })
  }
}
