import type { RoomMember } from './member.js'

/** The owners of the ids that the members of a room have chosen, where users are known. */
export class IdOwners {
  /** How many members each owner has under an id. There is one owner, but for the moment of a conflict. */
  #ids: Map<string, Map<string, number>> | undefined

  add({ id, owner }: RoomMember): void {
    if (owner === undefined) return
    this.#ids ??= new Map()
    let owners = this.#ids.get(id)
    if (!owners) this.#ids.set(id, (owners = new Map()))
    owners.set(owner, (owners.get(owner) ?? 0) + 1)
  }

  delete({ id, owner }: RoomMember): void {
    const owners = this.#ids?.get(id)
    if (!owners || owner === undefined) return
    const count = owners.get(owner) ?? 0
    if (count > 1) owners.set(owner, count - 1)
    else owners.delete(owner)
    if (owners.size === 0) this.#ids?.delete(id)
  }

  /** Whether a member of another owner has the id. */
  isHeldByAnother(id: string, owner: string): boolean {
    const owners = this.#ids?.get(id)
    return owners !== undefined && (owners.size > 1 || !owners.has(owner))
  }
}

/**
 * Whether a member has to give up its id to a member of another owner. The user whose name the id is keeps it. If two
 * members take an id at the same time on two nodes, both nodes come to the same answer.
 *
 * @param rightful The owner that stands for the user whose name the id is.
 */
export function mustYield(mine: RoomMember, theirs: RoomMember, rightful: string): boolean {
  if (mine.owner === rightful) return false
  return theirs.owner === rightful || mine.key > theirs.key
}
