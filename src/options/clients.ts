import { count, described, duration, networks, proxies } from './fields.js'

export const clients = {
  /**
   * WebSockets of one address open at once; beyond it the upgrade is answered with HTTP 429. An IPv6 address counts
   * with its /64.
   *
   * @default 0
   */
  maxConnectionsPerIp: described(count().default(0), {
    value: 'number',
    description:
      'WebSockets of one address open at once; beyond it the upgrade is answered with HTTP 429. An IPv6 address counts with its /64.',
  }),
  /**
   * WebSockets that one address may open in a minute; beyond it the upgrade is answered with HTTP 429 and
   * `Retry-After`.
   *
   * @default 0
   */
  connectionRatePerIp: described(count().default(0), {
    value: 'number',
    description:
      'WebSockets that one address may open in a minute; beyond it the upgrade is answered with HTTP 429 and `Retry-After`.',
  }),
  /**
   * WebSockets of one user, as tokens (`sub`) and `authorize` name users; who would have one more is closed with
   * 1013.
   *
   * @default 0
   */
  maxConnectionsPerUser: described(count().default(0), {
    value: 'number',
    description:
      'WebSockets of one user, as tokens (`sub`) and `authorize` name users; who would have one more is closed with 1013.',
  }),
  /**
   * The least time from the opening of a WebSocket to its close for a refusal (page, token, room), so that clients
   * that come back at once do not spin. It grows with every 10 refusals of the address within a minute, up to ten
   * times this; 0 closes at once. The first 10 closes of an address for a broken frame or a message too big (1002,
   * 1007, 1009) do not wait.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 1s
   */
  refusalDelay: described(duration().default(1000), {
    value: 'duration',
    description:
      'The least time from the opening of a WebSocket to its close for a refusal (page, token, room), so that clients that come back at once do not spin. It grows with every 10 refusals of the address within a minute, up to ten times this; 0 closes at once. The first 10 closes of an address for a broken frame or a message too big (1002, 1007, 1009) do not wait.',
  }),
  /**
   * Proxies whose `X-Forwarded-For` tells the address of a client: how many stand in front, or their addresses and
   * networks, separated by commas; `loopback`, `linklocal` and `uniquelocal` stand for those ranges.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  trustProxy: described(proxies().default([]), {
    value: 'list',
    description:
      'Proxies whose `X-Forwarded-For` tells the address of a client: how many stand in front, or their addresses and networks, separated by commas; `loopback`, `linklocal` and `uniquelocal` stand for those ranges.',
  }),
  /**
   * Addresses and networks from which clients may come, written as in `trustProxy`; empty means all. This machine may
   * always ask for `/health`.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  allowNetworks: described(networks().default([]), {
    value: 'list',
    description:
      'Addresses and networks from which clients may come, written as in `TRUST_PROXY`; empty means all. This machine may always ask for `/health`.',
  }),
  /**
   * Addresses and networks from which no client may come, written as in `trustProxy`. It counts before
   * `allowNetworks`.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  denyNetworks: described(networks().default([]), {
    value: 'list',
    description:
      'Addresses and networks from which no client may come, written as in `TRUST_PROXY`. It counts before `ALLOW_NETWORKS`.',
  }),
}
