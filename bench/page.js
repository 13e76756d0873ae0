/** Puts results into the pages of docs/: between markers, so that the rest is written by hand. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const DOCS = new URL('../docs/', import.meta.url)
const IMAGES = new URL('images/', DOCS)

/** Writes what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->` anew. */
export function writeSection(file, name, text) {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
  const page = readFileSync(new URL(file, DOCS), 'utf8')
  const [before, after] = [page.indexOf(begin), page.indexOf(end)]
  if (before < 0 || after < before) throw new Error(`docs/${file} has lost its markers ${begin} and ${end}`)
  writeFileSync(new URL(file, DOCS), `${page.slice(0, before)}${begin}\n\n${text}\n${page.slice(after)}`)
  console.log(`Wrote docs/${file}`)
}

/** Writes an image for the pages. */
export function writeImage(file, svg) {
  mkdirSync(IMAGES, { recursive: true })
  writeFileSync(new URL(file, IMAGES), svg)
}

/** A table with its columns in line, as the formatter has it. */
export function markdownTable(table) {
  const cells = table.map((row) => row.map((text) => text.replaceAll('|', '\\|')))
  const widths = cells[0].map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)))
  const line = (row) => `| ${row.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`
  const [headers, ...rows] = cells
  return [line(headers), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
