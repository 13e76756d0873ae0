import type { ClientConnection } from './client-connection.js'
import type { Congestible } from './congestion.js'
import type { Counters } from './counters.js'

/** A member, as far as batches go. */
export interface Recipient {
  /** The first frame of the batch that is for it, by index: it joined behind those before, or has them. */
  readonly firstFrame: number
}

/** Frames that wait in a room for the end of the turn. */
export class Batch {
  readonly frames: Buffer[] = []
  /** The author of the frame at the same index, who does not get it. */
  readonly authors: (Recipient | undefined)[] = []
  /** The number of the frame at the same index, among the frames of all rooms; only where members may be in several. */
  readonly numbers: number[] = []
  bytes = 0
}

/** What one session gets of batches. */
export interface MemberBatch {
  readonly bytes: Buffer
  /** How many frames these are. */
  readonly frames: number
}

const NOTHING = Buffer.alloc(0)

/** Puts frames together. */
export function concat(frames: readonly Buffer[]): Buffer {
  const [first = NOTHING] = frames
  return frames.length > 1 ? Buffer.concat(frames) : first
}

/**
 * Writes a share to a session, and counts it.
 *
 * @param room Where it comes from; any of the rooms if there are several.
 */
export function sendTo(
  session: ClientConnection,
  { bytes, frames }: MemberBatch,
  counters: Counters,
  room: Congestible | undefined,
): void {
  if (frames === 0) return
  counters.deliveries += frames
  counters.bytesSent += bytes.length
  session.write(bytes, room)
}

/** What a member gets of the batch of its room: the frames since it joined, without its own. */
export function batchFor(member: Recipient, { frames, authors }: Batch): MemberBatch {
  const share: Buffer[] = []
  for (let place = member.firstFrame; place < frames.length; place++) {
    const frame = frames[place]
    if (frame && authors[place] !== member) share.push(frame)
  }
  return { bytes: concat(share), frames: share.length }
}

/** What a session gets of the batches of several rooms, in the order in which the frames came. */
export function mergedBatchFor<R>(
  members: readonly (Recipient & { readonly room: R })[],
  batchOf: (room: R) => Batch,
): MemberBatch {
  const [only] = members
  if (only && members.length === 1) return batchFor(only, batchOf(only.room))
  const share: { frame: Buffer; number: number }[] = []
  for (const member of members) {
    const { frames, authors, numbers } = batchOf(member.room)
    for (let place = member.firstFrame; place < frames.length; place++) {
      const [frame, number] = [frames[place], numbers[place]]
      if (frame && number !== undefined && authors[place] !== member) share.push({ frame, number })
    }
  }
  share.sort((a, b) => a.number - b.number)
  return { bytes: concat(share.map(({ frame }) => frame)), frames: share.length }
}
