import { count, described, duration, size } from './fields.js'

export const history = {
  history: described(count(10_000).default(0), {
    env: 'HISTORY',
    group: 'History',
    value: 'number',
    description:
      'Messages of each `impossible-writer` room that are kept in memory for newcomers, as long as somebody is in; 0 keeps nothing.',
  }),
  historyBytes: described(size().default(256 * 2 ** 10), {
    env: 'HISTORY_BYTES',
    group: 'History',
    value: 'size',
    description:
      'Their bytes, for each room: what a newcomer is sent at once. A message that takes more than a quarter of it is not kept.',
  }),
  historyTotalBytes: described(size().default(64 * 2 ** 20), {
    env: 'HISTORY_TOTAL_BYTES',
    group: 'History',
    value: 'size',
    description:
      'Memory that they take, for all rooms together; beyond it the oldest are forgotten, first of the user or address whose rooms take most.',
  }),
  historyAge: described(duration().default(3_600_000), {
    env: 'HISTORY_AGE',
    group: 'History',
    value: 'duration',
    description: 'How long a message is kept at most.',
  }),
}
