import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { errorTables, fill, metricTables, optionTables, withComments } from '../scripts/docs.js'
import * as errors from '../src/core/close-reasons.js'
import { MemoryBus, Relay } from '../src/index.js'
import { faultMessages } from '../src/observability/cluster-log.js'
import { limitMessages } from '../src/observability/event-log.js'
import * as options from '../src/options/index.js'
import * as units from '../src/options/units.js'

const { closes } = errors
const metrics = await new Relay({ enableTls: true, backplane: new MemoryBus().connect() }).metrics()
const root = fileURLToPath(new URL('..', import.meta.url))
const docs = readdirSync(resolve(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((path) => `docs/${path}`)
const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...docs].filter((path) =>
  path.endsWith('.md'),
)

function read(path: string): string {
  return readFileSync(resolve(root, path), 'utf8')
}

/** A page without its code blocks. */
function prose(path: string): string {
  return read(path).replaceAll(/^```.*?^```$/gms, '')
}

describe('the tables made from the source', () => {
  it.each([
    ['docs/configuration.md', optionTables(options, units)],
    ['docs/protocol/errors.md', errorTables(errors)],
    ['docs/metrics.md', metricTables(metrics)],
  ])('are up to date in %s', (path, tables) => {
    expect(read(path), 'stale: run `npm run docs`').toBe(fill(read(path), tables))
  })
})

describe('the comments above the options', () => {
  it.each(readdirSync(resolve(root, 'src/options')))('are up to date in src/options/%s', (name) => {
    const source = read(`src/options/${name}`)
    expect(source, 'stale: run `npm run docs`').toBe(withComments(source, options, units))
  })

  it('are what an editor shows for each option of the library', () => {
    const file = resolve(root, 'src/options/index.ts')
    const { options: compiler } = ts.parseJsonConfigFileContent(
      { compilerOptions: JSON.parse(read('tsconfig.json')).compilerOptions },
      ts.sys,
      root,
    )
    const program = ts.createProgram([file], compiler)
    const checker = program.getTypeChecker()
    const source = program.getSourceFile(file)
    const module = source && checker.getSymbolAtLocation(source)
    const type = module && checker.getExportsOfModule(module).find(({ name }) => name === 'Options')
    const shown = type ? checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(type)) : []
    const texts = shown.map((option) => ts.displayPartsToString(option.getDocumentationComment(checker)))
    expect(shown.map(({ name }) => name).sort()).toEqual(options.optionInfos.map(({ name }) => name).sort())
    expect(texts.filter((text) => text.length < 10)).toEqual([])
  })
})

describe('the table of closes', () => {
  const reasons = Object.values(closes).map(({ reason }) => reason)

  it('has only reasons that fit a close frame', () => {
    // RFC 6455 section 5.5: 125 bytes, of which the code takes two.
    expect(reasons.filter((reason) => Buffer.byteLength(reason) > 123)).toEqual([])
  })

  it('has no reason twice', () => {
    expect(reasons).toEqual([...new Set(reasons)])
  })
})

/** The protocol pages, and the sources of which they tell every text. */
const sources = [
  ['impossible-writer.md', 'impossible-writer.ts'],
  ['pluresdb.md', 'pluresdb.ts'],
  ['y-webrtc.md', 'y-webrtc.ts'],
  ['opaque.md', 'opaque.ts'],
] as const

describe.each(sources)('docs/protocol/%s', (page, source) => {
  const told = textsOf(`docs/protocol/${page}`)
  const said = textsIn(`src/dialects/${source}`)

  it('tells no text that the relay does not have', () => {
    const known = [
      ...said,
      ...textsIn('src/dialects/json.ts'),
      ...Object.values(closes).map(({ reason }) => matching([reason])),
    ]
    expect(told.filter((text) => !known.some((pattern) => pattern.test(text)))).toEqual([])
  })

  it(`tells every text that ${source} says`, () => {
    expect(said).not.toEqual([])
    expect(said.filter((pattern) => !told.some((text) => pattern.test(text)))).toEqual([])
  })
})

/** The texts that a page quotes from the wire: code with spaces in it that is no JSON. */
function textsOf(page: string): string[] {
  const codes = [...prose(page).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replaceAll(/\s+/g, ' '))
  return [...new Set(codes.filter((code) => code.includes(' ') && !code.startsWith('{')))]
}

/** What a dialect says to clients, as patterns: the texts that it answers with, and the closes that it names. */
function textsIn(source: string): RegExp[] {
  const patterns: RegExp[] = []
  const visit = (node: ts.Node, answer: boolean): void => {
    if (ts.isPropertyAccessExpression(node) && node.expression.getText() === 'closes') {
      patterns.push(matching([closes[node.name.text as keyof typeof closes].reason]))
    }
    const parts = answer ? partsOf(node) : []
    if (parts.some((part) => part.includes(' '))) patterns.push(matching(parts))
    const answers =
      answer ||
      (ts.isPropertyAssignment(node) && node.name.getText() === 'why') ||
      (ts.isCallExpression(node) && /(\.#(error|refuse|send)|errorFrame)$/.test(node.expression.getText()))
    ts.forEachChild(node, (child) => visit(child, answers))
  }
  visit(ts.createSourceFile(source, read(source), ts.ScriptTarget.Latest, true), false)
  return patterns
}

/** The fixed parts of a string in the source. */
function partsOf(node: ts.Node): string[] {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return [node.text]
  if (!ts.isTemplateExpression(node)) return []
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)]
}

function matching(parts: string[]): RegExp {
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[^\w\s]/g, '\\$&')).join('.+')}$`)
}

describe('docs/operations.md', () => {
  const messages = [...Object.values(limitMessages), ...Object.values(faultMessages), ...logMessages()]
  const section = (title: string): string =>
    read('docs/operations.md').split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
  const firstCells = (text: string): string[] => [...text.matchAll(/^\| `([^`]+)`/gm)].map(([, cell = '']) => cell)

  it('tells every message of the log, and none that is not there', () => {
    expect(messages.length).toBeGreaterThan(60)
    expect(firstCells(section('Every message of the log')).sort()).toEqual([...new Set(messages)].sort())
  })

  it('tells every close that the relay starts', () => {
    const told = [...section('Every close and what to do').matchAll(/^\| (\d+) +\| `([^`]+)`/gm)]
    const known = Object.values(closes).map(({ code, reason }) => `${code} ${reason}`)
    expect(told.map(([, code, reason]) => `${code} ${reason}`).sort()).toEqual(known.sort())
  })
})

describe('what the pages list (10.47)', () => {
  const listed = (text: string): string[] => [...text.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name).sort()

  it('docs/library.md has every limit, and none that is not there', () => {
    const [, list = ''] = /^- `limit` is one of the type `LimitName`:(.*?)\. /ms.exec(read('docs/library.md')) ?? []
    expect(listed(list)).toEqual(limitNames().sort())
  })

  it('docs/metrics.md has every limit, and none that is not there', () => {
    const [, table = ''] = read('docs/metrics.md').split('\n- The `reason` of a limit:\n') ?? []
    const cells = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| ([^|]+)\|/gm)].map(([, cell = '']) => cell)
    expect(listed(cells.join())).toEqual(limitNames().sort())
  })

  it('the long run waits for no limit that is not there', () => {
    const [, list = ''] = /^const LIMITS = \[(.*?)\]/ms.exec(read('bench/soak/record.js')) ?? []
    const wanted = [...list.matchAll(/'([^']+)'/g)].map(([, name = '']) => name)
    expect(wanted.length).toBeGreaterThan(5)
    expect(wanted.filter((name) => !limitNames().includes(name))).toEqual([])
  })

  it('docs/library.md names all that the library exports', () => {
    const exported = [...read('src/index.ts').matchAll(/^export (?:type )?\{(.*?)\}/gms)].flatMap(([, names = '']) =>
      names.split(',').map((name) => name.trim().replace(/^type |.* as /g, '')),
    )
    const told = new Set(prose('docs/library.md').match(/\w+/g))
    expect(exported.filter((name) => name !== '' && !told.has(name))).toEqual([])
  })

  it('CONTRIBUTING.md has every folder of the project', () => {
    const folders = (path: string): string[] =>
      readdirSync(resolve(root, path), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && !/^(\.|node_modules|dist|coverage)/.test(entry.name))
        .map(({ name }) => `${path}${name}/`)
    const map = [...read('CONTRIBUTING.md').matchAll(/^([\w/]+\/) /gm)].map(([, folder]) => folder)
    expect(map.sort()).toEqual(folders('').sort())
  })

  it('docs/decisions.md says nothing twice', () => {
    const paragraphs = read('docs/decisions.md')
      .split('\n\n')
      .filter((text) => text.length > 100)
    expect(paragraphs.filter((text, i) => paragraphs.indexOf(text) !== i)).toEqual([])
  })
})

/** The members of the type. */
function limitNames(): string[] {
  const [, union = ''] = /export type LimitName =\n(.*?)\n\n/s.exec(read('src/core/observer.ts')) ?? []
  return [...union.matchAll(/^ {2}\| '([^']+)'/gm)].map(([, name = '']) => name)
}

/** The texts of all lines that the source logs, but for those that are looked up in a table. */
function logMessages(): string[] {
  const files = readdirSync(resolve(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  )
  const messages: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && LOGS.test(node.expression.getText())) {
      for (const argument of node.arguments) messages.push(...textsOfArgument(argument))
    }
    ts.forEachChild(node, visit)
  }
  for (const file of files) visit(ts.createSourceFile(file, read(`src/${file}`), ts.ScriptTarget.Latest, true))
  return messages.filter((text) => /^[A-Z]/.test(text))
}

const LOGS = /(log|logger|summary)\.(debug|info|warn|error)$|\.#presence$/i

/** A string, or two of which one is chosen. */
function textsOfArgument(node: ts.Expression): string[] {
  if (ts.isConditionalExpression(node)) return [node.whenTrue, node.whenFalse].flatMap(textsOfArgument)
  return ts.isStringLiteral(node) ? [node.text] : []
}

/** Where files are that the package has not. */
const REPOSITORY = 'https://github.com/baton-relay/baton/blob/main/'

describe.each(pages)('%s', (page) => {
  const links = [...prose(page).matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)|(?:src|srcset)="([^"]+)"/gm)].map(
    (match) => match.slice(1).find((target) => target !== undefined) ?? '',
  )

  it('links to files and headings that are there', () => {
    const near = links.filter((link) => !/^https?:/.test(link))
    expect(near.filter((target) => !leadsSomewhere(page, target))).toEqual([])
  })

  it('links to files of the repository that are there', () => {
    const files = links.filter((link) => link.startsWith(REPOSITORY)).map((link) => link.slice(REPOSITORY.length))
    expect(files.filter((file) => !existsSync(resolve(root, file)))).toEqual([])
  })
})

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', heading] = target.split('#')
  const file = path === '' ? page : resolve(root, dirname(page), path)
  if (!existsSync(resolve(root, file))) return false
  return heading === undefined || headingsOf(file).includes(heading)
}

/** The anchors of a page's headings, as GitHub makes them. */
function headingsOf(page: string): string[] {
  return [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}
