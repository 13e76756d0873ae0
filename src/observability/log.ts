import { pino, stdTimeFunctions } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Settings } from '../options/index.js'
import { isProduction } from '../options/log.js'
import { type LogOutput, standardLogOutput } from './log-output.js'
import { LOG_ISSUE, type Logger, type LogTarget } from './logger.js'

/** How long the end waits for the last lines, in milliseconds. */
const PATIENCE = 1000

/**
 * The log on standard output: JSON lines with `timestamp`, `level`, `message` and the fields in production, else one
 * readable line each, in colour on a terminal. Nothing ever waits for it: lines that cannot be written are lost and
 * counted.
 */
export class Log implements LogTarget {
  readonly logger: Logger
  readonly #output: () => LogOutput
  readonly #format: (line: string) => string
  #lost = 0
  /** Lost lines that the log has yet to report. */
  #gap = 0

  constructor({ logLevel, environment }: Pick<Settings, 'logLevel' | 'environment'>, output = standardLogOutput) {
    this.#output = output
    const options = { level: logLevel, base: null, messageKey: 'message' }
    const destination = { write: (line: string) => this.#write(this.#format(line)) }
    if (isProduction({ environment })) {
      this.#format = escapeControls
      const production = {
        timestamp: () => stdTimeFunctions.isoTime().replace('"time"', '"timestamp"'),
        formatters: { level: (label: string) => ({ level: label.toUpperCase() }) },
      }
      this.logger = pino({ ...options, ...production }, destination)
    } else {
      const pretty = prettyFactory({ messageKey: 'message', singleLine: true, translateTime: 'SYS:HH:MM:ss.l' })
      this.#format = (line) => escapeControls(pretty(line))
      this.logger = pino(options, destination)
    }
  }

  get lost(): number {
    return this.#lost
  }

  healthIssue(): string | undefined {
    return this.#gap > 0 ? LOG_ISSUE : undefined
  }

  async close(): Promise<void> {
    await this.#output().drained(PATIENCE)
  }

  #write(line: string): void {
    // After one lost line all others are lost too until the output is free again, so that the log has one gap.
    if (this.#gap === 0 && this.#output().write(line)) return
    this.#lost++
    if (this.#gap++ === 0) this.#output().onceIdle(() => this.#tellGap())
  }

  #tellGap(): void {
    const lost = this.#gap
    this.#gap = 0
    this.logger.warn({ lost }, 'Lines of the log were lost: it could not be written')
  }
}

/** Characters on which terminals and readers act: controls (Cc), marks that reverse or hide text (Cf), ends of lines. */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Controls that the log's own format uses. Within strings JSON has escaped them already. */
const FORMAT = '\t\n\u001b'

/** Escapes all other controls. They can only be in strings, where an escape of JSON is right for keys and values. */
function escapeControls(line: string): string {
  return line.replace(CONTROLS, (control) => {
    if (FORMAT.includes(control)) return control
    return Array.from({ length: control.length }, (_, unit) => escapeUnit(control.charCodeAt(unit))).join('')
  })
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}
