/** What is measured, for whom, and what Baton has to reach. */

const relays = ['baton', 'plain', 'socket.io', 'uws', 'bun']
const relayed = ['rate', 'cpu', 'p50', 'p99', 'p999']

/** The same room with everybody reading, and with one who does not. */
const slowRoom = { kind: 'growth', rooms: 1, members: 100, senders: 4, bytes: 16_384, interval: 10 }

export const scenarios = [
  {
    name: 'big-room',
    title: 'Big room',
    about: 'One room of 100, 4 of them send messages of 120 bytes, each 4 at a time.',
    servers: relays,
    parts: [{ kind: 'load', rooms: 1, members: 100, senders: 4, bytes: 120, window: 4 }],
    figures: relayed,
    compare: 'cpu',
    targets: [
      { figure: 'cpu', of: 'plain', max: 0.1 },
      { figure: 'cpu', of: 'uws', max: 1 },
      { figure: 'cpu', of: 'bun', max: 1 },
    ],
  },
  {
    name: 'small-rooms',
    title: 'Small rooms',
    about: '200 rooms of 5, everybody sends messages of 120 bytes, one at a time.',
    servers: relays,
    parts: [{ kind: 'load', rooms: 200, members: 5, senders: 5, bytes: 120, window: 1 }],
    figures: relayed,
    compare: 'cpu',
    targets: [{ figure: 'cpu', of: 'plain', max: 0.42 }],
  },
  {
    name: 'typing',
    title: 'Typing',
    about:
      '200 rooms of 5, 2 in each send 10 messages of 120 bytes a second, whether the server keeps up or not. Latency counts from when a message was due.',
    servers: relays,
    parts: [{ kind: 'load', rooms: 200, members: 5, senders: 2, bytes: 120, interval: 100 }],
    figures: ['cpu', 'p50', 'p99', 'p999', 'lateness'],
    compare: 'p99',
    targets: [{ figure: 'p99', of: 'plain', max: 1 }],
  },
  {
    name: 'paste',
    title: 'Paste',
    about: 'One room of 20, 2 of them send messages of 64 KiB, each 4 at a time.',
    servers: relays,
    parts: [{ kind: 'load', rooms: 1, members: 20, senders: 2, bytes: 65_536, window: 4 }],
    figures: ['megabytes', ...relayed],
    compare: 'megabytes',
    targets: [{ figure: 'megabytes', of: 'plain', min: 1.5 }],
  },
  {
    name: 'idle',
    title: 'Idle',
    about:
      '10,000 connections in rooms of 5 that say nothing; memory after garbage collection, without that of the empty process.',
    servers: relays,
    parts: [{ kind: 'idle', rooms: 2000, members: 5 }],
    figures: ['memory', 'empty'],
    compare: 'memory',
    targets: [
      { figure: 'memory', max: 6500 },
      { figure: 'memory', of: 'plain', max: 1 },
    ],
  },
  {
    name: 'storm',
    title: 'Storm',
    about: '5,000 clients with the headers of a browser connect to rooms of 5 at once, as after a restart.',
    servers: relays,
    parts: [{ kind: 'storm', rooms: 1000, members: 5 }],
    figures: ['accepted', 'cpuAccept'],
    compare: 'cpuAccept',
    targets: [{ figure: 'cpuAccept', of: 'plain', max: 0.75 }],
  },
  {
    name: 'slow',
    title: 'Slow member',
    about:
      'One room of 100, 4 of them send 100 messages of 16 KiB a second; without and with one who has stopped reading.',
    servers: relays,
    parts: [slowRoom, { ...slowRoom, stalled: true }],
    compare: 'p99',
    figures: ['p99Before', 'p99', 'p99Ratio', 'growthBefore', 'growth', 'lateness'],
    targets: [{ figure: 'p99Ratio', max: 1.5 }],
  },
  {
    name: 'tls-big-room',
    title: 'Big room over TLS',
    about: 'The big room, each connection over TLS 1.3.',
    servers: ['baton', 'plain'],
    needs: 'tls',
    parts: [{ kind: 'load', tls: true, rooms: 1, members: 100, senders: 4, bytes: 120, window: 4 }],
    figures: relayed,
    compare: 'cpu',
    targets: [],
  },
  ...[
    { dialect: 'impossible-writer', servers: ['baton', 'plain'] },
    { dialect: 'pluresdb', servers: ['baton'] },
    { dialect: 'y-webrtc', servers: ['baton', 'y-webrtc'] },
    { dialect: 'opaque', servers: ['baton'] },
  ].map(({ dialect, servers }) => ({
    name: `dialect-${dialect}`,
    title: `Dialect ${dialect}`,
    about: `20 rooms of 20, 2 in each send messages of 200 bytes, one at a time, in the \`${dialect}\` dialect.`,
    servers,
    parts: [{ kind: 'load', dialect, rooms: 20, members: 20, senders: 2, bytes: 200, window: 1 }],
    figures: relayed,
    compare: 'cpu',
    targets: [],
  })),
]

/** What can be measured: how it is called, and how it is written. */
export const figures = {
  rate: { title: 'deliveries/s', unit: 1 },
  megabytes: { title: 'MB/s', unit: 1 },
  cpu: { title: 'CPU µs/delivery', unit: 1 },
  p50: { title: 'p50 ms', unit: 1 },
  p99: { title: 'p99 ms', unit: 1 },
  p999: { title: 'p99.9 ms', unit: 1 },
  lateness: { title: 'generator late, p99 ms', unit: 1 },
  memory: { title: 'bytes/connection', unit: 1 },
  empty: { title: 'empty process MB', unit: 1e6 },
  accepted: { title: 'connections/s', unit: 1 },
  cpuAccept: { title: 'CPU µs/connection', unit: 1 },
  p99Before: { title: 'p99 ms without', unit: 1 },
  p99Ratio: { title: 'p99 with/without', unit: 1 },
  growthBefore: { title: 'growth MB without', unit: 1e6 },
  growth: { title: 'growth MB with', unit: 1e6 },
}
