/** The levels of the relay's lines. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where a relay writes its log. Loggers of pino have these methods; others need a few lines to have them. */
export interface Logger {
  /** @param fields What the line is about; `err` in it is whatever was thrown. */
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** Whether lines of a level are written. Those of levels that are not need not be made. */
  isLevelEnabled(level: LogLevel): boolean
}

/** A log, and what became of it. */
export interface LogTarget {
  readonly logger: Logger
  /** How many lines were lost. */
  readonly lost: number
  /** What is wrong with the log, for everybody to read. */
  healthIssue(): string | undefined
  /** Waits for the last lines, if they can be written soon. */
  close(): Promise<void>
}

/** What `/health` says while lines are lost. */
export const LOG_ISSUE = 'The log cannot be written: lines are lost.'

/** The log of a program that brings its own logger. Where that throws, a line is lost, and nothing else. */
export class CustomLog implements LogTarget {
  readonly logger: Logger
  #lost = 0
  #failing = false

  constructor(logger: Logger) {
    const write = (level: LogLevel) => (fields: object, message: string) => {
      try {
        logger[level](fields, message)
        this.#failing = false
      } catch {
        this.#lost++
        this.#failing = true
      }
    }
    this.logger = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      isLevelEnabled(level) {
        try {
          return logger.isLevelEnabled(level)
        } catch {
          return true
        }
      },
    }
  }

  get lost(): number {
    return this.#lost
  }

  healthIssue(): string | undefined {
    return this.#failing ? LOG_ISSUE : undefined
  }

  async close(): Promise<void> {}
}

/** Whether a value has the methods of a logger. */
export function isLogger(value: unknown): value is Logger {
  const methods = ['debug', 'info', 'warn', 'error', 'isLevelEnabled'] as const
  const logger = value as Partial<Logger> | null | undefined
  return methods.every((method) => typeof logger?.[method] === 'function')
}
