import { Command, CommanderError, Option } from 'commander'
import { ListenError } from '../http/listen.js'
import { standardLogOutput } from '../observability/log-output.js'
import { version } from '../observability/version.js'
import {
  describeProblem,
  groups,
  type OptionInfo,
  type OptionProblem,
  OptionsError,
  optionInfos,
  parseOptions,
  type Settings,
} from '../options/index.js'
import { problemsOf } from '../options/together.js'
import { formatDuration, formatSize } from '../options/units.js'
import { Relay } from '../relay.js'
import { FILE, fromEnvironment, misspelt, type Source } from './environment.js'
import { Systemd } from './systemd.js'
import { addTokenCommand } from './token.js'

/** Exit codes: a wrong option, and a start that failed. */
const WRONG_OPTION = 2
const FAILED = 1

/** How long the last output may take, in milliseconds. */
const LAST_OUTPUT_TIMEOUT = 2000

/** What the command reads and writes. */
export interface Terminal {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  out(text: string): void
  err(text: string): void
}

interface Given {
  values: Record<string, string | boolean>
  sources: Map<string, Source>
  /** The problems of values that could not be read. */
  problems: OptionProblem[]
  printConfig: boolean
}

/** commander's message, without the value of an unknown flag, which may be a misspelt secret. */
function readable(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/('--[^'=]+)=[^\n]*'/, "$1'")
    .replace('\n(', ' (')
}

/** Values as people write them. */
function format({ value, secret }: OptionInfo, setting: OptionInfo['default']): string {
  if (setting === undefined) return ''
  if (secret) return setting === '' ? '' : '********'
  if (value === 'duration') return formatDuration(Number(setting))
  if (value === 'size') return formatSize(Number(setting))
  return String(setting)
}

function createCommand({ out, err }: Terminal): Command {
  const command = new Command('baton')
    .description('A WebSocket relay: passes messages among the members of a room and stores nothing.')
    .version(version, '-v, --version', 'Print the version.')
    .helpOption('-h, --help', 'Print this help.')
    .configureOutput({ writeOut: out, writeErr: err, outputError: (text) => err(readable(text)) })
    .configureHelp({ helpWidth: 100 })
    .exitOverride()
    .allowExcessArguments(false)
    .argument('[port]', 'The same as --port.')
    .helpCommand('help [command]', 'Print this help, or that of a command.')
    // A subcommand has its own flags, even those that the relay has too.
    .enablePositionalOptions()
  for (const group of groups) {
    for (const info of optionInfos.filter((option) => option.group === group)) {
      const shown = format(info, info.default)
      const usage = info.value === 'boolean' ? `${info.flag} [boolean]` : `${info.flag} <${info.value}>`
      const env = info.secret ? `${info.env} or ${info.env}${FILE}` : info.env
      const about = `${info.description.replaceAll('`', '')} (${env}${shown && `, default ${shown}`})`
      command.addOption(new Option(usage, about).helpGroup(`${group}:`))
    }
  }
  return command
    .addOption(new Option('--print-config', 'Print the options in force, and where each comes from.'))
    .addHelpText(
      'after',
      '\nFlags count before the environment, the environment before the defaults. A limit of 0 means none.',
    )
}

/** Reads the flags and the environment. Flags take precedence. */
function read(command: Command, port: string | undefined, { env }: Terminal): Given {
  const flags = command.opts<Record<string, string | boolean>>()
  if (port !== undefined) {
    // The word is not shown, because it may be a secret without its flag.
    if (!/^\d+$/.test(port)) command.error('there is no such command, and a port is a number: see baton --help')
    if (flags['port'] !== undefined) command.error('the port is given twice')
    flags['port'] = port
  }
  const given: Given = { values: {}, sources: new Map(), problems: [], printConfig: flags['printConfig'] === true }
  for (const info of optionInfos) {
    const flag = flags[info.name]
    const problems = problemsOf(() => {
      const [value, source] = flag === undefined ? fromEnvironment(info, env) : [flag, 'flag' as const]
      if (value !== undefined) given.values[info.name] = value
      given.sources.set(info.name, source)
    })
    given.problems.push(...problems)
  }
  return given
}

/** The name that the user gave an option by: its flag or its variable. An option that was not given follows the others. */
function nameOf(given: Given | undefined, name: string): string {
  const info = optionInfos.find((option) => option.name === name)
  const source = given?.sources.get(name)
  const flags = source === 'flag' || (source === 'default' && [...(given?.sources.values() ?? [])].includes('flag'))
  return (flags ? info?.flag : source === 'file' ? info?.env + FILE : info?.env) ?? name
}

function printConfig(settings: Settings, { sources }: Given, out: Terminal['out']): void {
  for (const info of optionInfos) out(`${info.env}=${format(info, settings[info.name])} # ${sources.get(info.name)}\n`)
}

/**
 * Runs the command until it is stopped.
 *
 * @returns The exit code.
 */
export async function run(terminal: Terminal, stop: AbortSignal): Promise<number> {
  let given: Given | undefined
  const command = createCommand(terminal)
  addTokenCommand(command, terminal)
  command
    .command('version')
    .description('Print the version.')
    .action(() => terminal.out(`${version}\n`))
  command.action(async (port: string | undefined) => {
    given = read(command, port, terminal)
    for (const line of misspelt(terminal.env)) terminal.err(`${line}\n`)
    const settings = parseOptions(given.values, given.problems)
    if (given.printConfig) printConfig(settings, given, terminal.out)
    else await serve(settings, stop, new Systemd(terminal.env))
  })
  try {
    await command.parseAsync(terminal.argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_OPTION
    if (error instanceof OptionsError) {
      for (const problem of error.problems) {
        terminal.err(`${describeProblem(problem, (option) => nameOf(given, option))}\n`)
      }
      return WRONG_OPTION
    }
    if (error instanceof ListenError) {
      terminal.err(`${error.message}\n`)
      return FAILED
    }
    throw error
  }
}

async function serve(settings: Settings, stop: AbortSignal, systemd: Systemd): Promise<void> {
  const hangUp = new AbortController()
  let relay: Relay | undefined
  // With certificate files the signal means to read them again. Without, it means that the terminal is gone.
  const onHangUp = (): void => {
    if (!relay?.reloadCertificate()) hangUp.abort()
  }
  process.on('SIGHUP', onHangUp)
  try {
    relay = new Relay(settings)
    await relay.listen()
    systemd.tell('READY=1')
    await stopped(relay, AbortSignal.any([stop, hangUp.signal]))
    systemd.tell('STOPPING=1')
    await relay.close()
  } finally {
    process.off('SIGHUP', onHangUp)
    systemd.end()
  }
}

/** Waits until a signal stops the relay, or it stops by itself. */
async function stopped(relay: Relay, stop: AbortSignal): Promise<void> {
  if (stop.aborted) return
  await new Promise<unknown>((resolve) => {
    stop.addEventListener('abort', resolve, { once: true })
    relay.once('closing', resolve)
  })
}

/** Within this time a second signal may be a copy of the first: npm passes on what the whole group gets. In milliseconds. */
const SAME_SIGNAL = 1000

/** How long the end waits for a write to standard output that is under way, in milliseconds. */
const LAST_WRITE_TIMEOUT = 200

/* v8 ignore start: the outermost shell, tried by tests that start the command as a process. */
/** The command as a process. */
export async function main(): Promise<void> {
  // Flags may hold secrets, and everybody on the machine may read a command line.
  process.title = 'baton'
  // Frames live for a turn, so larger pools are allocated less often. Set here because it affects the whole process.
  Buffer.poolSize = 64 * 1024
  const stop = new AbortController()
  const end = async (code?: number): Promise<void> => {
    // A write takes a moment. Only one to a dead file system or a stuck terminal never ends, and Node would wait for it.
    await standardLogOutput().drained(LAST_WRITE_TIMEOUT)
    if (standardLogOutput().writing) process.kill(process.pid, 'SIGKILL')
    else process.exit(code)
  }
  const belowNpm = process.env['npm_lifecycle_event'] === 'start'
  let since = 0
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) {
        since = performance.now()
        stop.abort()
        return
      }
      // A second signal does not wait for the drain, unless it is a copy of the first.
      const mayBeSame = signal === 'SIGINT' || belowNpm
      if (!mayBeSame || performance.now() - since > SAME_SIGNAL) void end(FAILED)
    })
  }
  // The reader of the help may stop before its end, as `head` does, or the disk may be full.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const terminal: Terminal = {
    argv: process.argv.slice(2),
    env: process.env,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  }
  process.exitCode = await run(terminal, stop.signal)
  setTimeout(() => void end(), LAST_OUTPUT_TIMEOUT).unref()
}

/* v8 ignore stop */
