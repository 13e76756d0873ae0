import { count, described, duration, networks, proxies } from './fields.js'

export const clients = {
  maxConnectionsPerIp: described(count().default(0), {
    env: 'MAX_CONNECTIONS_PER_IP',
    group: 'Clients',
    value: 'number',
    description:
      'WebSockets of one address open at once; beyond it the upgrade is answered with HTTP 429. An IPv6 address counts with its /64.',
  }),
  connectionRatePerIp: described(count().default(0), {
    env: 'CONNECTION_RATE_PER_IP',
    group: 'Clients',
    value: 'number',
    description:
      'WebSockets that one address may open in a minute; beyond it the upgrade is answered with HTTP 429 and `Retry-After`.',
  }),
  maxConnectionsPerUser: described(count().default(0), {
    env: 'MAX_CONNECTIONS_PER_USER',
    group: 'Clients',
    value: 'number',
    description:
      'WebSockets of one user, as tokens (`sub`) and `authorize` name users; who would have one more is closed with 1013.',
  }),
  refusalDelay: described(duration().default(1000), {
    env: 'REFUSAL_DELAY',
    group: 'Clients',
    value: 'duration',
    description:
      'The least time from the opening of a WebSocket to its close for a refusal (page, token, room), so that clients that come back at once do not spin. It grows with every 10 refusals of the address within a minute, up to ten times this; 0 closes at once. The first 10 closes of an address for a broken frame or a message too big (1002, 1007, 1009) do not wait.',
  }),
  trustProxy: described(proxies().default([]), {
    env: 'TRUST_PROXY',
    group: 'Clients',
    value: 'list',
    description:
      'Proxies whose `X-Forwarded-For` tells the address of a client: how many stand in front, or their addresses and networks, separated by commas; `loopback`, `linklocal` and `uniquelocal` stand for those ranges.',
  }),
  allowNetworks: described(networks().default([]), {
    env: 'ALLOW_NETWORKS',
    group: 'Clients',
    value: 'list',
    description:
      'Addresses and networks from which clients may come, written as in `TRUST_PROXY`; empty means all. This machine may always ask for `/health`.',
  }),
  denyNetworks: described(networks().default([]), {
    env: 'DENY_NETWORKS',
    group: 'Clients',
    value: 'list',
    description:
      'Addresses and networks from which no client may come, written as in `TRUST_PROXY`. It counts before `ALLOW_NETWORKS`.',
  }),
}
