import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = readFileSync(resolve(root, 'docs/architecture.md'), 'utf8')

/**
 * The steps of the ways: a file below `src/`, and a function, or a class with its member. Only after an arrow may a file
 * have no folder: the lines that say what is in `src/` itself are no steps.
 */
const steps = [...page.matchAll(/^(?:→ (\S+\.ts)|(\w\S*\/\S+\.ts)) +([A-Z]\w+\.#?\w+|\w+)/gm)].map(
  ([, later, first, name = '']) => ({ file: later ?? first ?? '', name }),
)

/** What a file declares at its top, and the members of its classes and interfaces as `Class.member`. */
function namesIn(file: string): string[] {
  const text = readFileSync(resolve(root, 'src', file), 'utf8')
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest).statements.flatMap(namesOf)
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isFunctionDeclaration(statement)) return [statement.name?.text ?? '']
  if (!ts.isClassDeclaration(statement) && !ts.isInterfaceDeclaration(statement)) return []
  const owner = statement.name?.text ?? ''
  const members = statement.members.flatMap(({ name }) => (name && 'text' in name ? [`${owner}.${name.text}`] : []))
  return [owner, ...members]
}

describe('docs/architecture.md', () => {
  it('has ways of several steps', () => {
    expect(steps.length).toBeGreaterThan(30)
  })

  it.each(steps)('names $name in $file, which is there', ({ file, name }) => {
    expect(existsSync(resolve(root, 'src', file)), file).toBe(true)
    expect(namesIn(file)).toContain(name)
  })

  it('names no file in its text that is not there', () => {
    const named = [
      ...page.matchAll(
        /`((?:core|dialects|websocket|http|ip|tls|auth|cluster|observability|admin|options|cli)\/\S+?\.ts)`/g,
      ),
    ]
    expect(named.length).toBeGreaterThan(5)
    expect(named.map(([, file = '']) => file).filter((file) => !existsSync(resolve(root, 'src', file)))).toEqual([])
  })

  it('names every folder of src/', () => {
    const folders = readdirSync(resolve(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.filter(({ name }) => !page.includes(`\`${name}/\``))).toEqual([])
  })

  it('names every file that is in no folder of src/', () => {
    const files = readdirSync(resolve(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isFile())
    expect(files.filter(({ name }) => !page.includes(`\n${name} `))).toEqual([])
  })
})
