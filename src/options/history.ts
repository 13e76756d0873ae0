import { count, described, duration, size } from './fields.js'

export const history = {
  /**
   * Messages that the relay keeps in memory for each `impossible-writer` room, for new members, while the room has
   * members; 0 keeps nothing.
   *
   * @default 0
   */
  history: described(count(10_000).default(0), {
    value: 'number',
    description:
      'Messages that the relay keeps in memory for each `impossible-writer` room, for new members, while the room has members; 0 keeps nothing.',
  }),
  /**
   * Bytes of these messages for each room. A new member gets them at once. The relay does not keep a message that
   * takes more than a quarter of it.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   *
   * @default 256KiB
   */
  historyBytes: described(size().default(256 * 2 ** 10), {
    value: 'size',
    description:
      'Bytes of these messages for each room. A new member gets them at once. The relay does not keep a message that takes more than a quarter of it.',
  }),
  /**
   * Memory that these messages take, for all rooms together. Beyond it the relay forgets the oldest, first those of
   * the user or address whose rooms take the most.
   *
   * Bytes, or text such as `64KiB` or `10MB`.
   *
   * @default 64MiB
   */
  historyTotalBytes: described(size().default(64 * 2 ** 20), {
    value: 'size',
    description:
      'Memory that these messages take, for all rooms together. Beyond it the relay forgets the oldest, first those of the user or address whose rooms take the most.',
  }),
  /**
   * How long the relay keeps a message at most.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 1h
   */
  historyAge: described(duration().default(3_600_000), {
    value: 'duration',
    description: 'How long the relay keeps a message at most.',
  }),
}
