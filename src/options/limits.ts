import { count, described, duration, type OptionProblem, size } from './fields.js'
import { formatSize } from './units.js'

/** `ws` takes the limit as a 32-bit integer. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1

export const limits = {
  /**
   * WebSockets open at once; beyond it the upgrade is answered with HTTP 503. Each idle one costs about 6 kB.
   *
   * @default 20000
   */
  maxConnections: described(count().default(20_000), {
    value: 'number',
    description:
      'WebSockets open at once; beyond it the upgrade is answered with HTTP 503. Each idle one costs about 6 kB.',
  }),
  /**
   * Rooms open at once, over all dialects; who would open one more is closed with 1013. No user, and no address where
   * no user is named, may have opened a larger part of the free ones than these are of all: one alone may open 38 of
   * 100.
   *
   * @default 100000
   */
  maxRooms: described(count().default(100_000), {
    value: 'number',
    description:
      'Rooms open at once, over all dialects; who would open one more is closed with 1013. No user, and no address where no user is named, may have opened a larger part of the free ones than these are of all: one alone may open 38 of 100.',
  }),
  /**
   * Members of one room; who would be one more is closed with 1013.
   *
   * @default 1000
   */
  maxRoomMembers: described(count().default(1000), {
    value: 'number',
    description: 'Members of one room; who would be one more is closed with 1013.',
  }),
  /**
   * Topics of one `y-webrtc` connection, and topics named in one of its messages.
   *
   * @default 1000
   */
  maxTopics: described(count().default(1000), {
    value: 'number',
    description: 'Topics of one `y-webrtc` connection, and topics named in one of its messages.',
  }),
  /**
   * Size of one message, all its fragments together; a larger one is not read and its sender closed with 1009.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   *
   * @default 1MiB
   */
  maxMessageBytes: described(size(MAX_MESSAGE_BYTES).default(2 ** 20), {
    value: 'size',
    description:
      'Size of one message, all its fragments together; a larger one is not read and its sender closed with 1009.',
  }),
  /**
   * Age at which an `impossible-writer` room expires, counted from its creation.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 24h
   */
  roomExpiry: described(duration().default(24 * 3_600_000), {
    value: 'duration',
    description: 'Age at which an `impossible-writer` room expires, counted from its creation.',
  }),
  /**
   * Accepted for compatibility, without effect: rooms expire on time.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 1h
   */
  cleanupInterval: described(duration().default(3_600_000), {
    value: 'duration',
    description: 'Accepted for compatibility, without effect: rooms expire on time.',
  }),
  /**
   * Messages that an `impossible-writer` connection may send in each `rateLimitWindow`; more are refused. Messages
   * that waited because the relay was late count as if they had been read in time.
   *
   * @default 100
   */
  rateLimit: described(count().default(100), {
    value: 'number',
    description:
      'Messages that an `impossible-writer` connection may send in each `RATE_LIMIT_WINDOW`; more are refused. Messages that waited because the relay was late count as if they had been read in time.',
  }),
  /**
   * The window of `rateLimit`. It starts with the first message after the last one ended.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 1s
   */
  rateLimitWindow: described(duration(1).default(1000), {
    value: 'duration',
    description: 'The window of `RATE_LIMIT`. It starts with the first message after the last one ended.',
  }),
  /**
   * Messages a second that a connection of the other dialects may send; beyond it its socket is read more slowly, and
   * nothing is lost. Work for others counts as messages do: a join of a room of 1,000 as 5 to 8. When all connections
   * of one user or address together cause more work than that, their joins wait.
   *
   * @default 1000
   */
  throttle: described(count().default(1000), {
    value: 'number',
    description:
      'Messages a second that a connection of the other dialects may send; beyond it its socket is read more slowly, and nothing is lost. Work for others counts as messages do: a join of a room of 1,000 as 5 to 8. When all connections of one user or address together cause more work than that, their joins wait.',
  }),
  /**
   * Bytes a second that any connection may send; beyond it its socket is read more slowly.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   *
   * @default 0
   */
  byteRate: described(size().default(0), {
    value: 'size',
    description: 'Bytes a second that any connection may send; beyond it its socket is read more slowly.',
  }),
  /**
   * Bytes that may wait for one connection behind the message that it is being sent; beyond it the connection is
   * closed with 1013. From half of it on the senders of its room are read more slowly. 8 MiB if left out, or twice
   * `maxMessageBytes` if that is more.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   */
  maxBufferedBytes: described(size().optional(), {
    value: 'size',
    description:
      'Bytes that may wait for one connection behind the message that it is being sent; beyond it the connection is closed with 1013. From half of it on the senders of its room are read more slowly. 8 MiB if left out, or twice `MAX_MESSAGE_BYTES` if that is more.',
  }),
  /**
   * Memory that may wait for all connections together; what several share counts once. Beyond it the connections that
   * have read nothing for longest are cut off, until the rest fits. 256 MiB if left out, or `maxBufferedBytes` if
   * that is more. Unfinished messages may take as much again; beyond it senders are closed with 1013, those first
   * that are slow, then those of the user or address that has most.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   */
  maxTotalBufferedBytes: described(size().optional(), {
    value: 'size',
    description:
      'Memory that may wait for all connections together; what several share counts once. Beyond it the connections that have read nothing for longest are cut off, until the rest fits. 256 MiB if left out, or `MAX_BUFFERED_BYTES` if that is more. Unfinished messages may take as much again; beyond it senders are closed with 1013, those first that are slow, then those of the user or address that has most.',
  }),
}

/** What may wait for one connection, and for all of them, in bytes; 0 means no limit. */
interface Buffered {
  maxBufferedBytes: number
  maxTotalBufferedBytes: number
}

const MAX_BUFFERED = 8 * 2 ** 20
const MAX_TOTAL_BUFFERED = 256 * 2 ** 20

/** Fills in what may wait for connections: enough for the largest message. */
export function bufferedDefaults(given: { [Name in keyof Buffered]?: number | undefined } & Sizes): Buffered {
  const { maxMessageBytes, maxTotalBufferedBytes: total } = given
  const wanted = Math.max(MAX_BUFFERED, 2 * maxMessageBytes)
  const maxBufferedBytes =
    given.maxBufferedBytes ?? (total ? Math.max(maxMessageBytes, Math.min(total, wanted)) : wanted)
  return { maxBufferedBytes, maxTotalBufferedBytes: total ?? Math.max(MAX_TOTAL_BUFFERED, maxBufferedBytes) }
}

interface Sizes {
  maxMessageBytes: number
}

/** Sizes of which the first must not be above the second. */
const nested = [
  ['maxMessageBytes', 'maxBufferedBytes'],
  ['maxMessageBytes', 'maxTotalBufferedBytes'],
  ['maxBufferedBytes', 'maxTotalBufferedBytes'],
  ['historyBytes', 'historyTotalBytes'],
] as const

type Nested = Record<(typeof nested)[number][number], number> & { history: number }

/** What is wrong with sizes taken together, in one line for each that is too small. */
export function sizeProblems(settings: Nested): OptionProblem[] {
  const problems = new Map<string, OptionProblem>()
  for (const [inner, outer] of nested) {
    if (inner === 'historyBytes' && settings.history === 0) continue
    const [small, large] = [settings[inner], settings[outer]]
    if (large === 0 || small <= large || problems.has(outer)) continue
    const problem = `must not be below {${inner}} (${formatSize(large)} < ${formatSize(small)})`
    problems.set(outer, { option: outer, problem })
  }
  return [...problems.values()]
}
