import { described, flag, text } from './fields.js'

export const cluster = {
  redisUrl: described(text('a URL').default(''), {
    env: 'REDIS_URL',
    group: 'Cluster',
    value: 'text',
    secret: true,
    description:
      'Redis or Valkey that joins several nodes to one relay, such as `redis://user:password@host:6379/0`; `rediss://` speaks TLS. Empty for a node that is alone.',
  }),
  redisCluster: described(flag.default(false), {
    env: 'REDIS_CLUSTER',
    group: 'Cluster',
    value: 'boolean',
    description: '`REDIS_URL` is a Redis Cluster, version 7 or newer: rooms are spread over its masters.',
  }),
  clusterName: described(text('a text').default('baton'), {
    env: 'CLUSTER_NAME',
    group: 'Cluster',
    value: 'text',
    description: 'Begins the names of all channels: relays with different names share a Redis without meeting.',
  }),
  clusterSecret: described(text('a text').default(''), {
    env: 'CLUSTER_SECRET',
    group: 'Cluster',
    value: 'text',
    secret: true,
    description:
      'Shared by all nodes: signs what they say to each other, for a Redis that others can reach. Frames without a right signature are dropped.',
  }),
}

/** What is wrong with them taken together. */
export function clusterProblems({
  redisUrl,
  redisCluster,
  clusterName,
}: {
  redisUrl: string
  redisCluster: boolean
  clusterName: string
}): { option: string; problem: string }[] {
  const problems: { option: string; problem: string }[] = []
  if (redisUrl !== '' && !/^rediss?:$/.test(URL.canParse(redisUrl) ? new URL(redisUrl).protocol : '')) {
    problems.push({ option: 'redisUrl', problem: 'must be a URL such as redis://host:6379 or rediss://host:6379' })
  }
  if (redisUrl === '' && redisCluster) problems.push({ option: 'redisCluster', problem: 'is set, but not REDIS_URL' })
  if (!/^[\w.-]{1,64}$/.test(clusterName)) {
    problems.push({ option: 'clusterName', problem: 'must have 1 to 64 letters, digits, dots, dashes or underscores' })
  }
  return problems
}
