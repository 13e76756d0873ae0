import type { Occupant } from './room.js'

/** Whose the ids are that the members of a room have chosen, where users are known. */
export class Owners {
  /** How many members each owner has under an id: all have one owner, but for a moment. */
  #ids: Map<string, Map<string, number>> | undefined

  add({ id, owner }: Occupant): void {
    if (owner === undefined) return
    this.#ids ??= new Map()
    let owners = this.#ids.get(id)
    if (!owners) this.#ids.set(id, (owners = new Map()))
    owners.set(owner, (owners.get(owner) ?? 0) + 1)
  }

  delete({ id, owner }: Occupant): void {
    const owners = this.#ids?.get(id)
    if (!owners || owner === undefined) return
    const count = owners.get(owner) ?? 0
    if (count > 1) owners.set(owner, count - 1)
    else owners.delete(owner)
    if (owners.size === 0) this.#ids?.delete(id)
  }

  /** Whether a member of somebody else has the id. */
  contests(id: string, owner: string): boolean {
    const owners = this.#ids?.get(id)
    return owners !== undefined && (owners.size > 1 || !owners.has(owner))
  }
}

/**
 * Whether a member has to give up its id for another's of a different owner: the user whose name it is
 * keeps it. Where two have taken one at the same time on two nodes, both nodes come to the same end.
 *
 * @param rightful Owner of the ids of the user whose name it is.
 */
export function yields(mine: Occupant, theirs: Occupant, rightful: string): boolean {
  if (mine.owner === rightful) return false
  return theirs.owner === rightful || mine.key > theirs.key
}
