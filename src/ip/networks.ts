import { BlockList, isIPv6 } from 'node:net'
import { parseAddress } from './address.js'

/** Ranges that have a name, as in Express and nginx's documentation. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
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
