import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import proxyAddr from 'proxy-addr'
import { parseAddress } from '../ip/address.js'
import { Networks } from '../ip/networks.js'
import type { Settings } from '../options/index.js'

/** What `proxy-addr` asks of each address on the way, the nearest first. */
type Trust = (address: string, hop: number) => boolean

/** Finds the addresses of clients, behind as many proxies as are trusted. */
export class ClientAddresses {
  readonly #trust: Trust | undefined

  constructor({ trustProxy }: Pick<Settings, 'trustProxy'>) {
    this.#trust = trustOf(trustProxy)
  }

  /** Whether a request may come from another address than its socket. */
  get throughProxies(): boolean {
    return this.#trust !== undefined
  }

  /** Whether the other end of a socket with this address is a proxy that is trusted. */
  isProxy(address: string): boolean {
    return this.#trust?.(address, 0) === true
  }

  /**
   * The address from which a request came: the one that the last trusted proxy saw. What that proxy wrote
   * may be no address, such as `unknown`; then the client counts as the proxy. Empty if unknown.
   */
  of(request: IncomingMessage): string {
    if (!this.#trust) return directAddress(request.socket)
    const hops = proxyAddr.all(request, this.#trust).map((hop) => parseHop(hop ?? ''))
    return hops.findLast((hop) => hop !== undefined) ?? ''
  }
}

/** The address at the other end of a socket: that of a client, or of a proxy. Empty if unknown. */
export function directAddress({ remoteAddress = '' }: Socket): string {
  return parseAddress(remoteAddress) ?? ''
}

function trustOf(proxies: Settings['trustProxy']): Trust | undefined {
  if (typeof proxies === 'number') return proxies > 0 ? (_, hop) => hop < proxies : undefined
  if (proxies.length === 0) return undefined
  const trusted = new Networks(proxies)
  return (text) => {
    const address = parseHop(text ?? '')
    return address !== undefined && trusted.has(address)
  }
}

/** An address as proxies write it: some add the port. */
function parseHop(text: string): string | undefined {
  const [, bracketed, plain] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(text) ?? []
  return parseAddress(bracketed ?? plain ?? text)
}
