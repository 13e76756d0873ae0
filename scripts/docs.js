// Writes what is made from the source: the tables in docs/configuration.md, docs/metrics.md and
// docs/protocol/errors.md, and the comments above the options in src/options/, which editors show.
// A test does the same with the source as it stands, and fails when one of them is stale.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** @typedef {typeof import('../src/options/index.js')} OptionsModule */
/** @typedef {typeof import('../src/options/units.js')} UnitsModule */
/** @typedef {typeof import('../src/core/close-reasons.js')} ErrorsModule */
/** @typedef {Readonly<Record<string, string>>} Tables Markdown tables, by their names in the page. */

/**
 * The tables of `docs/configuration.md`, one for each group.
 *
 * @param {Pick<OptionsModule, 'groups' | 'optionInfos'>} options
 * @param {Pick<UnitsModule, 'formatDuration' | 'formatSize'>} units
 * @returns {Tables}
 */
export function optionTables({ groups, optionInfos }, units) {
  return Object.fromEntries(
    groups.map((group) => {
      const rows = optionInfos
        .filter((info) => info.group === group)
        .map((info) => [code(info.name), code(info.env), code(info.flag), defaultOf(info, units), info.description])
      return [group, table(['Option', 'Variable', 'Flag', 'Default', 'What it does'], rows)]
    }),
  )
}

/** @type {Readonly<Partial<Record<import('../src/options/index.js').OptionInfo['value'], string>>>} */
const UNITS = {
  duration: 'Milliseconds, or text such as `30s`, `12h` or `7d`.',
  size: 'Bytes, or text such as `64KiB` or `10MB`.',
  list: 'An array, or text with commas between the items.',
}

/**
 * The source of options with a comment above each. The comments are made from the descriptions, which the help and
 * the tables show as well.
 *
 * @param {string} source
 * @param {Pick<OptionsModule, 'optionInfos'>} options
 * @param {Pick<UnitsModule, 'formatDuration' | 'formatSize'>} units
 */
export function withComments(source, { optionInfos }, units) {
  return source.replace(/^( {2}\/\*\*.*?\*\/\n)? {2}(\w+): described\(/gms, (all, _, name) => {
    const info = optionInfos.find((option) => option.name === name)
    if (!info) return all
    // A library user knows the other options by their own names, not by those of the variables.
    const effect = info.description.replace(/`([A-Z_]+)`/g, (text, env) => {
      const other = optionInfos.find((option) => option.env === env)
      return other ? code(other.name) : text
    })
    const setting = info.default === undefined ? '' : [`@default ${defaultOf(info, units).replaceAll('`', '')}`]
    const lines = [effect, ...(UNITS[info.value] ? ['', UNITS[info.value]] : []), ...(setting && ['', ...setting])]
    const comment = lines
      .flatMap((line) => (line ? wrap(line ?? '', 113) : ['']))
      .map((line) => `   * ${line}`.trimEnd())
    return `  /**\n${comment.join('\n')}\n   */\n  ${name}: described(`
  })
}

/**
 * @param {string} text
 * @param {number} width
 */
function wrap(text, width) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    if (last && last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = last ? `${last} ${word}` : word
  }
  return lines
}

/**
 * The tables of `docs/protocol/errors.md`.
 *
 * @param {Pick<ErrorsModule, 'closes' | 'errorCodes'>} errors
 * @returns {Tables}
 */
export function errorTables({ closes, errorCodes }) {
  const closeRows = Object.values(closes).map((close) => [
    String(close.code),
    code(close.reason),
    close.when,
    ADVICE[close.reconnect],
  ])
  const codeRows = Object.entries(errorCodes).map(([name, when]) => [code(name), when])
  return {
    closes: table(['Code', 'Reason', 'When', 'What the client should do'], closeRows),
    codes: table(['Code', 'When'], codeRows),
  }
}

/**
 * The table of `docs/metrics.md`: the relay's own metrics.
 *
 * @param {string} text What `GET /metrics` says.
 * @returns {Tables}
 */
export function metricTables(text) {
  const rows = [...text.matchAll(/^# HELP (baton_\w+) (.*)\n# TYPE \1 (\w+)\n(.*)$/gm)].map(
    ([, name = '', help = '', type = '', sample = '']) => {
      const labels = [...sample.matchAll(/(\w+)="/g)].map(([, label = '']) => label)
      return [
        code(name),
        type,
        labels
          .filter((label) => label !== 'le')
          .map(code)
          .join(', '),
        help,
      ]
    },
  )
  return { metrics: table(['Metric', 'Type', 'Labels', 'What it says'], rows) }
}

/**
 * A page with its tables written anew. Each stands between `<!-- table: NAME -->` and `<!-- end -->`.
 *
 * @param {string} page
 * @param {Tables} tables
 */
export function fill(page, tables) {
  return Object.entries(tables).reduce((text, [name, rows]) => {
    const place = new RegExp(`(<!-- table: ${name} -->\n).*?(<!-- end -->)`, 's')
    if (!place.test(text)) throw new Error(`The page has no place for the table ${name}`)
    return text.replace(place, (_, begin, end) => `${begin}\n${rows}\n\n${end}`)
  }, page)
}

/** @type {Readonly<Record<import('../src/core/close-reasons.js').Reconnect, string>>} */
const ADVICE = {
  'at once': 'reconnect at once',
  later: 'reconnect after a pause',
  'after a change': 'change something, then reconnect',
}

/**
 * @param {import('../src/options/index.js').OptionInfo} info
 * @param {Pick<UnitsModule, 'formatDuration' | 'formatSize'>} units
 */
function defaultOf({ value, default: setting }, { formatDuration, formatSize }) {
  if (setting === undefined) return 'it depends'
  if (setting === '' || (Array.isArray(setting) && setting.length === 0)) return 'empty'
  if (Array.isArray(setting)) return setting.map(code).join(', ')
  if (value === 'duration') return code(formatDuration(Number(setting)))
  if (value === 'size') return code(formatSize(Number(setting)))
  return code(String(setting))
}

/** @param {string} text */
function code(text) {
  return `\`${text}\``
}

/**
 * Aligned as the formatter wants it.
 *
 * @param {string[]} head
 * @param {string[][]} rows
 */
function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const [first = '', ...lines] = cells.map((row) => line(row.map((cell, column) => cell.padEnd(widths[column] ?? 0))))
  return [first, line(widths.map((width) => '-'.repeat(width))), ...lines].join('\n')
}

/** @param {string[]} cells */
function line(cells) {
  return `| ${cells.join(' | ')} |`
}

/**
 * @param {string} path
 * @param {Tables} tables
 */
function rewrite(path, tables) {
  const file = new URL(`../${path}`, import.meta.url)
  writeFileSync(file, fill(readFileSync(file, 'utf8'), tables))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [options, units, errors, { MemoryBus, Relay }] = await Promise.all([
    import('../dist/options/index.js'),
    import('../dist/options/units.js'),
    import('../dist/core/close-reasons.js'),
    import('../dist/index.js'),
  ])
  rewrite('docs/configuration.md', optionTables(options, units))
  rewrite(
    'docs/metrics.md',
    metricTables(await new Relay({ enableTls: true, backplane: new MemoryBus().connect() }).metrics()),
  )
  rewrite('docs/protocol/errors.md', errorTables(errors))
  const folder = new URL('../src/options/', import.meta.url)
  for (const name of readdirSync(folder)) {
    const file = new URL(name, folder)
    writeFileSync(file, withComments(readFileSync(file, 'utf8'), options, units))
  }
}
