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
   * Time between pings. The relay drops a connection that sent nothing until the next ping. Keep it below the idle
   * time-out of every proxy in front.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 25s
   */
  heartbeatInterval: described(duration().default(25_000), {
    value: 'duration',
    description:
      'Time between pings. The relay drops a connection that sent nothing until the next ping. Keep it below the idle time-out of every proxy in front.',
  }),
  /**
   * How long an HTTP connection stays open for its next request. Keep it above the idle time-out of every proxy in
   * front; otherwise a proxy may send a request on a connection that is just closing.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 65s
   */
  keepAliveTimeout: described(duration().default(65_000), {
    value: 'duration',
    description:
      'How long an HTTP connection stays open for its next request. Keep it above the idle time-out of every proxy in front; otherwise a proxy may send a request on a connection that is just closing.',
  }),
  /**
   * Period over which a stopping relay closes its connections. It closes a small group at a time, so that clients do
   * not all reconnect at once.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 5s
   */
  drain: described(duration().default(5000), {
    value: 'duration',
    description:
      'Period over which a stopping relay closes its connections. It closes a small group at a time, so that clients do not all reconnect at once.',
  }),
}
