import { described, duration } from './fields.js'

export const time = {
  joinTimeout: described(duration().default(10_000), {
    env: 'JOIN_TIMEOUT',
    group: 'Time',
    value: 'duration',
    description: 'How long a client may take to finish the handshake, and then to join a room.',
  }),
  heartbeatInterval: described(duration().default(25_000), {
    env: 'HEARTBEAT_INTERVAL',
    group: 'Time',
    value: 'duration',
    description:
      'Time between pings; a connection from which nothing came until the next one is dropped. Keep it below the idle time-out of every proxy in front.',
  }),
  keepAliveTimeout: described(duration().default(65_000), {
    env: 'KEEP_ALIVE_TIMEOUT',
    group: 'Time',
    value: 'duration',
    description:
      'How long an HTTP connection stays open for its next request. Keep it above the idle time-out of every proxy in front, which would otherwise send a request on a connection that is just being closed.',
  }),
  roomExpiry: described(duration().default(24 * 3_600_000), {
    env: 'ROOM_EXPIRY',
    group: 'Time',
    value: 'duration',
    description: 'Age at which an `impossible-writer` room expires, counted from its creation.',
  }),
  cleanupInterval: described(duration().default(3_600_000), {
    env: 'CLEANUP_INTERVAL',
    group: 'Time',
    value: 'duration',
    description: 'Accepted for compatibility, without effect: rooms expire on time.',
  }),
  drain: described(duration().default(5000), {
    env: 'DRAIN',
    group: 'Time',
    value: 'duration',
    description:
      'Period over which connections are closed when the relay stops, a small group at a time, so that clients do not come back all at once.',
  }),
}
