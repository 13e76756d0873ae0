/** Somebody in a room, connected to this node or to another. */
export interface RoomMember {
  readonly room: { readonly name: string; readonly count: number }
  /** Unique among all members of all nodes: the id of its connection. */
  readonly key: string
  /** The name under which the others know it: in some dialects several members may share one. */
  readonly id: string
  /** The owner of the id, as `Room.ownerOf` names it; undefined where users are not known. */
  readonly owner: string | undefined
  readonly nickname: string | undefined
}
