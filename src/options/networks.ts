/** Addresses and networks of IPv4 and IPv6, in one form each. */

import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net'

/** Ranges that have a name, as in Express and nginx's documentation. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

/** An IPv4 client of a socket that listens on both, RFC 4291 section 2.5.5.2. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/

/** Normalizes an address: IPv4 as it is, IPv6 shortened. Undefined if it is not an address. */
export function parseAddress(text: string): string | undefined {
  // The zone of a link-local address says nothing about the client.
  const [bare = ''] = text.split('%', 1)
  const family = isIP(bare)
  if (family !== 6) return family === 4 ? bare : undefined
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' })
  return MAPPED.exec(address)?.[1] ?? address
}

/**
 * What counts as one client: an IPv4 address, or the /64 of an IPv6 address. A /64 is the smallest network that a
 * customer gets (RFC 6177), and a client can use any address in it.
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [left = [], right = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`
}

interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/** The networks that `text` names: an address, a network in CIDR notation, or a named range. Undefined if it is none. */
export function parseNetworks(text: string): readonly Network[] | undefined {
  if (Object.hasOwn(NAMED, text)) return NAMED[text]?.flatMap((range) => parseNetworks(range) ?? [])
  const [, base = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = parseAddress(base)
  if (address === undefined) return undefined
  const [family, bits] = isIPv6(address) ? (['ipv6', 128] as const) : (['ipv4', 32] as const)
  // The prefix of a mapped network would count other bits.
  if (length !== undefined && family === 'ipv4' && isIPv6(base)) return undefined
  const prefix = length === undefined ? bits : Number(length)
  return prefix <= bits ? [{ address, prefix, family }] : undefined
}

/** A set of networks. */
export class Networks {
  // One list for both would find every IPv4 address in ::/0.
  readonly #lists = { ipv4: new BlockList(), ipv6: new BlockList() }

  /** @param names Each as {@link parseNetworks} reads it. */
  constructor(names: readonly string[]) {
    for (const { address, prefix, family } of names.flatMap((name) => parseNetworks(name) ?? [])) {
      this.#lists[family].addSubnet(address, prefix, family)
    }
  }

  /** Whether an address, in the form of {@link parseAddress}, is in one of them. */
  has(address: string): boolean {
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    return this.#lists[family].check(address, family)
  }
}

const PRIVATE = new Networks(Object.keys(NAMED))

/** Whether a server that listens on `host` may be reached from the internet: on all addresses, or a public one. */
export function isPublic(host: string): boolean {
  const address = parseAddress(host)
  if (host === '' || address === '0.0.0.0' || address === '::') return true
  // A name is resolved later, and is usually that of this machine.
  return address !== undefined && !PRIVATE.has(address)
}
