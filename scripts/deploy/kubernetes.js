// Holds the manifests to the types that are made from Kubernetes' own OpenAPI: a key that is misspelt, in the
// wrong place or of the wrong kind does not compile. Values that only a cluster knows are not tried.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { parse } from 'yaml'

/** @typedef {{ apiVersion: string, kind: string, metadata: { name: string }, resources?: string[] }} Manifest */

/** @param {string} root The repository. */
export function checkKubernetes(root) {
  const folder = join(root, 'deploy/kubernetes')
  const files = readdirSync(folder).filter((file) => file !== 'kustomization.yaml')
  /** @type {Manifest} */
  const { resources } = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8'))
  assert.deepEqual(resources?.toSorted(), files.toSorted(), 'kustomization.yaml names every manifest')
  const source = files.map((file, i) => declare(parse(readFileSync(join(folder, file), 'utf8')), i)).join('\n')
  const problems = compile(source, join(root, 'manifests.ts'))
  assert.deepEqual(problems, [], 'manifests that Kubernetes would not take')
}

/**
 * @param {Manifest} manifest
 * @param {number} number
 */
function declare(manifest, number) {
  const { apiVersion, kind } = manifest
  return `import type { I${kind} as Kind${number} } from 'kubernetes-models/${apiVersion}'
export const manifest${number}: Kind${number} = ${JSON.stringify(manifest, null, 2)}`
}

/**
 * @param {string} source
 * @param {string} path A file that is nowhere but here.
 */
function compile(source, path) {
  /** @type {ts.CompilerOptions} */
  const options = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.Preserve,
    target: ts.ScriptTarget.ES2022,
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists, readFile } = host
  host.getSourceFile = (file, ...rest) =>
    file === path ? ts.createSourceFile(path, source, ts.ScriptTarget.ES2022) : getSourceFile(file, ...rest)
  host.fileExists = (file) => file === path || fileExists(file)
  host.readFile = (file) => (file === path ? source : readFile(file))
  return ts.getPreEmitDiagnostics(ts.createProgram([path], options, host)).map(({ messageText, start = 0 }) => {
    const line = source.slice(start).split('\n', 1)[0]
    return `${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
  })
}
