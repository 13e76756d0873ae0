import { count, described, duration, networks, proxies } from './fields.js'

export const clients = {
  /**
   * Open WebSockets of one address. Beyond it the relay answers the upgrade with HTTP 429. IPv6 addresses count by
   * their /64.
   *
   * @default 0
   */
  maxConnectionsPerIp: described(count().default(0), {
    value: 'number',
    description:
      'Open WebSockets of one address. Beyond it the relay answers the upgrade with HTTP 429. IPv6 addresses count by their /64.',
  }),
  /**
   * WebSockets that one address may open in a minute. Beyond it the relay answers the upgrade with HTTP 429 and
   * `Retry-After`.
   *
   * @default 0
   */
  connectionRatePerIp: described(count().default(0), {
    value: 'number',
    description:
      'WebSockets that one address may open in a minute. Beyond it the relay answers the upgrade with HTTP 429 and `Retry-After`.',
  }),
  /**
   * WebSockets of one user, as tokens (`sub`) and `authorize` name users. The relay closes any further one with 1013.
   *
   * @default 0
   */
  maxConnectionsPerUser: described(count().default(0), {
    value: 'number',
    description:
      'WebSockets of one user, as tokens (`sub`) and `authorize` name users. The relay closes any further one with 1013.',
  }),
  /**
   * Minimum time from the opening of a WebSocket until the relay closes it for a refusal (page, token, room), so that
   * clients that reconnect at once do not spin. It grows with every 10 refusals of the address within a minute, up to
   * ten times this; 0 closes at once. The first 10 closes of an address for a broken frame or a message that is too
   * big (1002, 1007, 1009) do not wait.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 1s
   */
  refusalDelay: described(duration().default(1000), {
    value: 'duration',
    description:
      'Minimum time from the opening of a WebSocket until the relay closes it for a refusal (page, token, room), so that clients that reconnect at once do not spin. It grows with every 10 refusals of the address within a minute, up to ten times this; 0 closes at once. The first 10 closes of an address for a broken frame or a message that is too big (1002, 1007, 1009) do not wait.',
  }),
  /**
   * Proxies whose `X-Forwarded-For` gives the address of a client: how many are in front, or their addresses and
   * networks, separated by commas. `loopback`, `linklocal` and `uniquelocal` name those ranges.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  trustProxy: described(proxies().default([]), {
    value: 'list',
    description:
      'Proxies whose `X-Forwarded-For` gives the address of a client: how many are in front, or their addresses and networks, separated by commas. `loopback`, `linklocal` and `uniquelocal` name those ranges.',
  }),
  /**
   * Addresses and networks that clients may connect from, in the form of `trustProxy`. Empty means all. This machine
   * may always request `/health`.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  allowNetworks: described(networks().default([]), {
    value: 'list',
    description:
      'Addresses and networks that clients may connect from, in the form of `TRUST_PROXY`. Empty means all. This machine may always request `/health`.',
  }),
  /**
   * Addresses and networks that no client may connect from, in the form of `trustProxy`. It takes precedence over
   * `allowNetworks`.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  denyNetworks: described(networks().default([]), {
    value: 'list',
    description:
      'Addresses and networks that no client may connect from, in the form of `TRUST_PROXY`. It takes precedence over `ALLOW_NETWORKS`.',
  }),
}
