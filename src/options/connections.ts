import { described, duration } from './fields.js'

export const connections = {
  /**
   * How long a client may take to finish the handshake, and then to join a room.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 10s
   */
  joinTimeout: described(duration().default(10_000), {
    value: 'duration',
    description: 'How long a client may take to finish the handshake, and then to join a room.',
  }),
  /**
   * Time between pings; a connection from which nothing came until the next one is dropped. Keep it below the idle
   * time-out of every proxy in front.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 25s
   */
  heartbeatInterval: described(duration().default(25_000), {
    value: 'duration',
    description:
      'Time between pings; a connection from which nothing came until the next one is dropped. Keep it below the idle time-out of every proxy in front.',
  }),
  /**
   * How long an HTTP connection stays open for its next request. Keep it above the idle time-out of every proxy in
   * front, which would otherwise send a request on a connection that is just being closed.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 65s
   */
  keepAliveTimeout: described(duration().default(65_000), {
    value: 'duration',
    description:
      'How long an HTTP connection stays open for its next request. Keep it above the idle time-out of every proxy in front, which would otherwise send a request on a connection that is just being closed.',
  }),
  /**
   * Period over which connections are closed when the relay stops, a small group at a time, so that clients do not
   * come back all at once.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 5s
   */
  drain: described(duration().default(5000), {
    value: 'duration',
    description:
      'Period over which connections are closed when the relay stops, a small group at a time, so that clients do not come back all at once.',
  }),
}
