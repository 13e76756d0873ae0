/** What is measured of several nodes, and what has to be reached. */

const ONE = { title: 'one node, alone', nodes: 1 }
const JOINED = { title: 'one node, with Redis', nodes: 1, redis: true }
const TWO = { title: 'two nodes over Redis', nodes: 2, redis: true }

/** How each figure is called. */
export const figures = {
  p50: 'p50 ms',
  p99: 'p99 ms',
  rate: 'deliveries/s',
  messages: 'messages/s',
  cpu: 'CPU µs/delivery',
  perMessage: 'CPU µs/message, all nodes',
  broker: 'CPU µs/message, Redis',
  nodeShare: 'CPU % of a core, each node',
  brokerShare: 'CPU % of a core, Redis',
}

const pairs = { kind: 'load', rooms: 50, members: 2, senders: 1, bytes: 200 }

export const scenarios = [
  {
    name: 'hop',
    title: 'A hop',
    about:
      '50 rooms of two, in each one sends 10 messages of 200 bytes a second. The two are on one node, or on two: the difference is the hop.',
    variants: [ONE, JOINED, TWO],
    job: { ...pairs, interval: 100 },
    figures: ['p50', 'p99', 'perMessage', 'broker'],
    counted: true,
  },
  {
    name: 'through',
    title: 'As much as goes through',
    about: 'The same rooms, each sender with 8 messages on the way.',
    variants: [ONE, TWO],
    job: { ...pairs, window: 8 },
    figures: ['messages', 'perMessage', 'broker', 'p50', 'p99'],
    counted: true,
  },
  {
    name: 'shared',
    title: 'Shared rooms',
    about: '20 rooms of 10, 2 in each send messages of 200 bytes, 4 at a time; half of each room on either node.',
    variants: [ONE, TWO],
    job: { kind: 'load', rooms: 20, members: 10, senders: 2, bytes: 200, window: 4 },
    figures: ['rate', 'cpu', 'perMessage', 'broker', 'p50', 'p99'],
    counted: true,
  },
  {
    name: 'local-big',
    title: 'A big room on one node only',
    about: 'One room of 100, 4 of them send messages of 120 bytes, each 4 at a time; the node has Redis, or has not.',
    variants: [ONE, JOINED],
    job: { kind: 'load', rooms: 1, members: 100, senders: 4, bytes: 120, window: 4 },
    figures: ['cpu', 'rate'],
    target: { figure: 'cpu', max: 1.05 },
    counted: true,
  },
  {
    name: 'local-small',
    title: 'Small rooms on one node only',
    about: '200 rooms of 5, everybody sends messages of 120 bytes, one at a time; the node has Redis, or has not.',
    variants: [ONE, JOINED],
    job: { kind: 'load', rooms: 200, members: 5, senders: 5, bytes: 120, window: 1 },
    figures: ['cpu', 'rate'],
    target: { figure: 'cpu', max: 1.05 },
    counted: true,
  },
  {
    name: 'idle',
    title: 'Idle',
    about:
      '10,000 rooms in which nobody speaks, each with a member on two of three nodes, over 75 seconds, in which each room says at least once that it is there. At most 3 runs.',
    most: 3,
    variants: [
      { title: 'three nodes, each alone', nodes: 3, job: { share: 0.25 } },
      { title: 'three nodes over Redis', nodes: 3, redis: true },
    ],
    job: { kind: 'idleRooms', rooms: 10_000 },
    figures: ['nodeShare', 'brokerShare'],
  },
  {
    name: 'welcome',
    title: 'Time to the welcome',
    about: 'From the handshake to `connected`, one client after another, and nobody else.',
    variants: [
      ONE,
      { ...JOINED, title: 'first on its node, and nobody elsewhere' },
      { ...TWO, title: 'first on its node, one on another', job: { other: true } },
      { ...TWO, title: 'second on its node', job: { again: true } },
    ],
    job: { kind: 'welcomes' },
    figures: ['p50', 'p99'],
  },
]
