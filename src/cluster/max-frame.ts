/** What bounds the frames between nodes. */
interface FrameLimits {
  readonly maxMessageBytes: number
  readonly maxRoomMembers: number
  readonly history: number
  readonly historyBytes: number
}

/** What a member may take in a list: three texts of 512 bytes, each with its length. */
const MEMBER = 3 * (512 + 2)

/** What a batch may hold beside its last message, and all small things, in bytes. */
const SPARE = 2 ** 20

/** Twice as many members as a room may have, since several nodes may let one in at once. */
const CROWD = 2

/** The largest frame that a node of this relay may send, in bytes; where a limit is off, what 4 bytes can say. */
export function maxFrame({ maxMessageBytes, maxRoomMembers, history, historyBytes }: FrameLimits): number {
  if (maxMessageBytes === 0 || maxRoomMembers === 0 || (history > 0 && historyBytes === 0)) return 2 ** 32 - 1
  const kept = history > 0 ? historyBytes + history * MEMBER : 0
  return maxMessageBytes + CROWD * maxRoomMembers * MEMBER + kept + SPARE
}
