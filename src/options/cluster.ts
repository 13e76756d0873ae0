import type { z } from 'zod'
import { described, flag, type OptionProblem, secret, text } from './fields.js'

export const cluster = {
  /**
   * Redis or Valkey that connects several nodes into one relay, such as `redis://user:password@host:6379/0`;
   * `rediss://` uses TLS. Empty for a single node.
   *
   * @default empty
   */
  redisUrl: described(
    text('a URL')
      .refine((url) => url === '' || isRedis(url), {
        error: 'must be a URL such as redis://host:6379 or rediss://host:6379',
      })
      .default(''),
    {
      value: 'text',
      secret: true,
      description:
        'Redis or Valkey that connects several nodes into one relay, such as `redis://user:password@host:6379/0`; `rediss://` uses TLS. Empty for a single node.',
    },
  ),
  /**
   * `redisUrl` is a Redis Cluster, version 7 or newer. Rooms are spread over its masters.
   *
   * @default false
   */
  redisCluster: described(flag.default(false), {
    value: 'boolean',
    description: '`REDIS_URL` is a Redis Cluster, version 7 or newer. Rooms are spread over its masters.',
  }),
  /**
   * Prefix of all channel names. Relays with different names can share a Redis without meeting.
   *
   * @default baton
   */
  clusterName: described(
    text('a text')
      .regex(/^[\w.-]{1,64}$/, { error: 'must have 1 to 64 letters, digits, dots, dashes or underscores' })
      .default('baton'),
    {
      value: 'text',
      description: 'Prefix of all channel names. Relays with different names can share a Redis without meeting.',
    },
  ),
  /**
   * Secret that all nodes share, at least 16 characters. It signs their messages to each other, for a Redis that
   * others can reach. Nodes drop frames without a valid signature.
   *
   * @default empty
   */
  clusterSecret: described(secret().default(''), {
    value: 'text',
    secret: true,
    description:
      'Secret that all nodes share, at least 16 characters. It signs their messages to each other, for a Redis that others can reach. Nodes drop frames without a valid signature.',
  }),
}

type Given = z.output<z.ZodObject<typeof cluster>>

function isRedis(url: string): boolean {
  return URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol)
}

/** Problems of options that contradict each other. */
export function clusterProblems({ redisUrl, redisCluster }: Given): OptionProblem[] {
  if (!redisCluster) return []
  if (redisUrl === '') return [{ option: 'redisCluster', problem: 'is set, but there is no URL of a Redis' }]
  if (/^\/?0?$/.test(new URL(redisUrl).pathname)) return []
  return [{ option: 'redisUrl', problem: 'names a database, and a Redis Cluster has but one: leave it out' }]
}

/** Problems without a backplane other than Redis: an operator who sets a secret expects other nodes. */
export function loneSecret({
  clusterSecret = '',
  redisUrl = '',
}: z.input<z.ZodObject<typeof cluster>>): OptionProblem[] {
  if (clusterSecret === '' || redisUrl !== '') return []
  return [{ option: 'clusterSecret', problem: 'is set, but nothing joins this node to others' }]
}
