import { count, described, duration, size } from './fields.js'

export const history = {
  /**
   * Messages of each `impossible-writer` room that are kept in memory for newcomers, as long as somebody is in; 0
   * keeps nothing.
   *
   * @default 0
   */
  history: described(count(10_000).default(0), {
    value: 'number',
    description:
      'Messages of each `impossible-writer` room that are kept in memory for newcomers, as long as somebody is in; 0 keeps nothing.',
  }),
  /**
   * Their bytes, for each room: what a newcomer is sent at once. A message that takes more than a quarter of it is
   * not kept.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   *
   * @default 256KiB
   */
  historyBytes: described(size().default(256 * 2 ** 10), {
    value: 'size',
    description:
      'Their bytes, for each room: what a newcomer is sent at once. A message that takes more than a quarter of it is not kept.',
  }),
  /**
   * Memory that they take, for all rooms together; beyond it the oldest are forgotten, first of the user or address
   * whose rooms take most.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   *
   * @default 64MiB
   */
  historyTotalBytes: described(size().default(64 * 2 ** 20), {
    value: 'size',
    description:
      'Memory that they take, for all rooms together; beyond it the oldest are forgotten, first of the user or address whose rooms take most.',
  }),
  /**
   * How long a message is kept at most.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 1h
   */
  historyAge: described(duration().default(3_600_000), {
    value: 'duration',
    description: 'How long a message is kept at most.',
  }),
}
