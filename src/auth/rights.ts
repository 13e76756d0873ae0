import type { Right } from '../core/authority.js'
import { dialectNames } from '../dialects/dialect.js'
import { pathText } from '../dialects/path.js'

/** A pattern of room names, and what is allowed in the rooms that match. */
interface Grant {
  /** Undefined for all. */
  readonly dialect: string | undefined
  /** The texts between the asterisks of the pattern; at least one. */
  readonly parts: readonly string[]
  readonly rights: readonly Right[]
}

const BOTH: readonly Right[] = ['join', 'publish']

/** What the claim `rooms` of a token allows. */
export class Rights {
  readonly #grants: readonly Grant[]

  private constructor(grants: readonly Grant[]) {
    this.#grants = grants
  }

  /**
   * Reads the claim: an object of patterns with their rights, or a list of patterns that have both. A missing claim
   * allows nothing.
   *
   * @returns Undefined if it is neither.
   */
  static of(claim: unknown): Rights | undefined {
    if (claim === undefined) return new Rights([])
    if (typeof claim !== 'object' || claim === null) return undefined
    const entries: [unknown, unknown][] = Array.isArray(claim)
      ? claim.map((pattern) => [pattern, BOTH])
      : Object.entries(claim)
    const grants = entries.map(([pattern, rights]) => grantOf(pattern, rights))
    return grants.every((grant) => grant !== undefined) ? new Rights(grants) : undefined
  }

  /** Whether it allows nothing at all. */
  get none(): boolean {
    return this.#grants.every(({ rights }) => rights.length === 0)
  }

  /** Whether any pattern that matches the room allows it. */
  may(right: Right, dialect: string, room: string): boolean {
    return this.#grants.some(
      (grant) =>
        grant.rights.includes(right) &&
        (grant.dialect === undefined || grant.dialect === dialect) &&
        matches(grant.parts, room),
    )
  }
}

/** What the claim `peerIds` of a token allows: patterns of ids that the client may take. */
export class PeerIds {
  /** Undefined for all. */
  readonly #patterns: readonly (readonly string[])[] | undefined

  private constructor(patterns: readonly (readonly string[])[] | undefined) {
    this.#patterns = patterns
  }

  /** Reads the claim. A missing claim allows all. Undefined if it is not a list of patterns. */
  static of(claim: unknown): PeerIds | undefined {
    if (claim === undefined) return new PeerIds(undefined)
    if (!Array.isArray(claim) || !claim.every((pattern) => typeof pattern === 'string')) return undefined
    return new PeerIds(claim.map((pattern) => pattern.split('*')))
  }

  allow(id: string): boolean {
    return this.#patterns?.some((parts) => matches(parts, id)) ?? true
  }
}

function grantOf(pattern: unknown, rights: unknown): Grant | undefined {
  if (typeof pattern !== 'string' || pattern === '') return undefined
  if (!Array.isArray(rights) || !rights.every((right): right is Right => BOTH.includes(right))) return undefined
  const dialect = dialectNames.find((name) => pattern.startsWith(`${name}/`))
  const name = dialect === undefined ? pattern : pattern.slice(dialect.length + 1)
  // The names of its rooms are paths in their one spelling, so the pattern must have that spelling too.
  const parts = (dialect === 'opaque' ? pathText(name) : name).split('*')
  return { dialect, parts, rights }
}

/** Whether a name has all parts, in order, the first at its start and the last at its end. No pattern makes this slow. */
function matches(parts: readonly string[], name: string): boolean {
  const [first = '', ...rest] = parts
  const last = rest.pop()
  if (last === undefined) return name === first
  if (!name.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}
