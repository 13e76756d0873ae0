import { count, described, duration, type OptionProblem, size } from './fields.js'
import { formatSize } from './units.js'

/** `ws` takes the limit as a 32-bit integer. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1

export const limits = {
  /**
   * Open WebSockets. Beyond it the relay answers the upgrade with HTTP 503. Each idle one costs about 6 kB.
   *
   * @default 20000
   */
  maxConnections: described(count().default(20_000), {
    value: 'number',
    description:
      'Open WebSockets. Beyond it the relay answers the upgrade with HTTP 503. Each idle one costs about 6 kB.',
  }),
  /**
   * Open rooms, over all dialects. The relay closes a client that would open a further one with 1013. One user, or
   * one address if no user is known, may have opened at most free × free ÷ `maxRooms` rooms, where free is the number
   * of rooms that are not open: one alone may open 38 of 100.
   *
   * @default 100000
   */
  maxRooms: described(count().default(100_000), {
    value: 'number',
    description:
      'Open rooms, over all dialects. The relay closes a client that would open a further one with 1013. One user, or one address if no user is known, may have opened at most free × free ÷ `MAX_ROOMS` rooms, where free is the number of rooms that are not open: one alone may open 38 of 100.',
  }),
  /**
   * Members of one room. The relay closes any further one with 1013.
   *
   * @default 1000
   */
  maxRoomMembers: described(count().default(1000), {
    value: 'number',
    description: 'Members of one room. The relay closes any further one with 1013.',
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
   * Size of one message, all its fragments together. The relay does not read a larger one and closes its sender with
   * 1009.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   *
   * @default 1MiB
   */
  maxMessageBytes: described(size(MAX_MESSAGE_BYTES).default(2 ** 20), {
    value: 'size',
    description:
      'Size of one message, all its fragments together. The relay does not read a larger one and closes its sender with 1009.',
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
   * Messages that an `impossible-writer` connection may send in each `rateLimitWindow`. The relay refuses more.
   * Messages that waited because the relay was late count as if it had read them in time.
   *
   * @default 100
   */
  rateLimit: described(count().default(100), {
    value: 'number',
    description:
      'Messages that an `impossible-writer` connection may send in each `RATE_LIMIT_WINDOW`. The relay refuses more. Messages that waited because the relay was late count as if it had read them in time.',
  }),
  /**
   * Window of `rateLimit`. It starts with the first message after the previous window ended.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 1s
   */
  rateLimitWindow: described(duration(1).default(1000), {
    value: 'duration',
    description: 'Window of `RATE_LIMIT`. It starts with the first message after the previous window ended.',
  }),
  /**
   * Messages a second that a connection of the other dialects may send. Beyond it the relay reads its socket more
   * slowly, and loses nothing. Work for others counts like messages: a join of a room of 1,000 counts as 5 to 8. When
   * all connections of one user or address together cause more work than that, their joins wait.
   *
   * @default 1000
   */
  throttle: described(count().default(1000), {
    value: 'number',
    description:
      'Messages a second that a connection of the other dialects may send. Beyond it the relay reads its socket more slowly, and loses nothing. Work for others counts like messages: a join of a room of 1,000 counts as 5 to 8. When all connections of one user or address together cause more work than that, their joins wait.',
  }),
  /**
   * Bytes a second that any connection may send. Beyond it the relay reads its socket more slowly.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   *
   * @default 0
   */
  byteRate: described(size().default(0), {
    value: 'size',
    description: 'Bytes a second that any connection may send. Beyond it the relay reads its socket more slowly.',
  }),
  /**
   * Bytes that may wait for one connection behind the message that is being sent to it. Beyond it the relay closes
   * the connection with 1013. From half of it on the relay reads the senders of its room more slowly. If left out, 8
   * MiB, or twice `maxMessageBytes` if that is more.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   */
  maxBufferedBytes: described(size().optional(), {
    value: 'size',
    description:
      'Bytes that may wait for one connection behind the message that is being sent to it. Beyond it the relay closes the connection with 1013. From half of it on the relay reads the senders of its room more slowly. If left out, 8 MiB, or twice `MAX_MESSAGE_BYTES` if that is more.',
  }),
  /**
   * Memory that may wait for all connections together; bytes that several connections share count once. Beyond it the
   * relay cuts off the connections that have read nothing for longest, until the rest fits. If left out, 256 MiB, or
   * `maxBufferedBytes` if that is more. Unfinished messages may take the same amount in addition. Beyond it the relay
   * closes senders with 1013: first those that are slow, then those of the user or address that takes the most.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   */
  maxTotalBufferedBytes: described(size().optional(), {
    value: 'size',
    description:
      'Memory that may wait for all connections together; bytes that several connections share count once. Beyond it the relay cuts off the connections that have read nothing for longest, until the rest fits. If left out, 256 MiB, or `MAX_BUFFERED_BYTES` if that is more. Unfinished messages may take the same amount in addition. Beyond it the relay closes senders with 1013: first those that are slow, then those of the user or address that takes the most.',
  }),
}

/** The bytes that may wait for one connection, and for all of them; 0 means no limit. */
interface Buffered {
  maxBufferedBytes: number
  maxTotalBufferedBytes: number
}

const MAX_BUFFERED = 8 * 2 ** 20
const MAX_TOTAL_BUFFERED = 256 * 2 ** 20

/** Fills in how much may wait for connections: enough for the largest message. */
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

/** Problems of sizes that contradict each other, one for each that is too small. */
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
