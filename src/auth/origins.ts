import { domainToASCII } from 'node:url'

/** RFC 6454 section 6.2, with a wildcard before the host. Apps in a web view have schemes such as `capacitor:`. */
const ORIGIN = /^([a-z][a-z\d+.-]*):\/\/(\*\.)?([^\s/?#@*,:[\]]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i

/** Ports that a browser leaves out. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/** The origin of a page that shows none, such as a file or a page in a sandbox: RFC 6454 section 7.3. */
const OPAQUE = 'null'

/**
 * Normalizes an entry of the list: lower case, the host in ASCII, no default port.
 *
 * @param entry Such as `https://app.example.com`, `https://*.example.com` or `null`.
 * @returns Undefined if it is none of these.
 */
export function normalizeOrigin(entry: string): string | undefined {
  if (entry === OPAQUE) return OPAQUE
  const [, scheme = '', wildcard = '', name = '', port = ''] = ORIGIN.exec(entry) ?? []
  const host = name.startsWith('[') ? name.toLowerCase() : domainToASCII(name)
  if (host === '') return undefined
  const lower = scheme.toLowerCase()
  return `${lower}://${wildcard}${host}${port === '' || DEFAULT_PORTS[lower] === port ? '' : `:${port}`}`
}

/** The origins of the pages that may use the relay. */
export class Origins {
  readonly #exact: ReadonlySet<string>
  /** The text before and after the wildcard, such as `https://` and `.example.com:8443`. */
  readonly #wild: readonly { start: string; end: string }[]

  /** @param entries Normalized. */
  constructor(entries: readonly string[]) {
    this.#exact = new Set(entries.filter((entry) => !entry.includes('*')))
    this.#wild = entries
      .filter((entry) => entry.includes('*'))
      .map((entry) => {
        const [start = '', end = ''] = entry.split('*')
        return { start, end }
      })
  }

  /** Whether a page of this origin may use the relay. A wildcard matches one label or several. */
  allow(origin: string): boolean {
    const normal = origin.includes('*') ? undefined : normalizeOrigin(origin)
    if (normal === undefined) return false
    if (this.#exact.has(normal)) return true
    return this.#wild.some(
      ({ start, end }) => normal.startsWith(start) && normal.endsWith(end) && normal.length > start.length + end.length,
    )
  }
}
