import { Networks } from '../ip/networks.js'
import type { Settings } from '../options/index.js'

/** The networks that may connect, and those that may not. */
export class AccessList {
  readonly #allowed: Networks | undefined
  readonly #denied: Networks | undefined

  constructor({ allowNetworks, denyNetworks }: Pick<Settings, 'allowNetworks' | 'denyNetworks'>) {
    if (allowNetworks.length > 0) this.#allowed = new Networks(allowNetworks)
    if (denyNetworks.length > 0) this.#denied = new Networks(denyNetworks)
  }

  /** Whether everybody may connect. */
  get isEmpty(): boolean {
    return !this.#allowed && !this.#denied
  }

  /** Whether a client with this address may connect. */
  permits(address: string): boolean {
    // An unknown address, such as that of a Unix socket, is on no list.
    if (address === '') return !this.#allowed
    return !this.#denied?.has(address) && (this.#allowed?.has(address) ?? true)
  }
}
