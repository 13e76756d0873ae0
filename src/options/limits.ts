import { count, described, duration, size } from './fields.js'

/** `ws` takes the limit as a 32-bit integer. */
const MAX_MESSAGE_BYTES = 2 ** 31 - 1

export const limits = {
  maxConnections: described(count().default(20_000), {
    env: 'MAX_CONNECTIONS',
    group: 'Limits',
    value: 'number',
    description:
      'WebSockets open at once; beyond it the upgrade is answered with HTTP 503. Each idle one costs about 6 kB.',
  }),
  maxRooms: described(count().default(100_000), {
    env: 'MAX_ROOMS',
    group: 'Limits',
    value: 'number',
    description:
      'Rooms open at once, over all dialects; who would open one more is closed with 1013. No user, and no address where no user is named, may have opened more of them than are free.',
  }),
  maxRoomMembers: described(count().default(1000), {
    env: 'MAX_ROOM_MEMBERS',
    group: 'Limits',
    value: 'number',
    description: 'Members of one room; who would be one more is closed with 1013.',
  }),
  maxTopics: described(count().default(1000), {
    env: 'MAX_TOPICS',
    group: 'Limits',
    value: 'number',
    description: 'Topics of one `y-webrtc` connection, and topics named in one of its messages.',
  }),
  maxMessageBytes: described(size(MAX_MESSAGE_BYTES).default(2 ** 20), {
    env: 'MAX_MESSAGE_BYTES',
    group: 'Limits',
    value: 'size',
    description:
      'Size of one message, all its fragments together; a larger one is not read and its sender closed with 1009.',
  }),
  rateLimit: described(count().default(100), {
    env: 'RATE_LIMIT',
    group: 'Limits',
    value: 'number',
    description:
      'Messages that an `impossible-writer` connection may send in each `RATE_LIMIT_WINDOW`; more are refused. What waited because the relay was late counts for the time at which it may have come.',
  }),
  rateLimitWindow: described(duration(1).default(1000), {
    env: 'RATE_LIMIT_WINDOW',
    group: 'Limits',
    value: 'duration',
    description: 'The window of `RATE_LIMIT`. It starts with the first message after the last one ended.',
  }),
  throttle: described(count().default(1000), {
    env: 'THROTTLE',
    group: 'Limits',
    value: 'number',
    description:
      'Messages a second that a connection of the other dialects may send; beyond it its socket is read more slowly, and nothing is lost. Work for others counts as messages do: a join of a room of 1,000 as 5 to 8. For all connections of one user or address together, such work beyond it makes their joins wait.',
  }),
  byteRate: described(size().default(0), {
    env: 'BYTE_RATE',
    group: 'Limits',
    value: 'size',
    description: 'Bytes a second that any connection may send; beyond it its socket is read more slowly.',
  }),
  maxBufferedBytes: described(size().default(8 * 2 ** 20), {
    env: 'MAX_BUFFERED_BYTES',
    group: 'Limits',
    value: 'size',
    description:
      'Bytes that may wait for one connection that reads slowly; beyond it the connection is closed with 1013.',
  }),
  maxTotalBufferedBytes: described(size().default(256 * 2 ** 20), {
    env: 'MAX_TOTAL_BUFFERED_BYTES',
    group: 'Limits',
    value: 'size',
    description:
      'Bytes that may wait for all connections together; beyond it the one with the largest backlog is cut off, until the rest fits. As many may be kept of messages that have come in part; beyond it the slowest and oldest of these are closed with 1013.',
  }),
}
