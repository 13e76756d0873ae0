import { isIP, isIPv6, SocketAddress } from 'node:net'

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
