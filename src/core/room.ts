import type { Alarm } from './alarms.js'
import type { Counters } from './counters.js'
import type { Session } from './session.js'
import type { Ticker } from './ticker.js'

/** What a room needs to know of the dialect that it belongs to. */
export interface RoomKind {
  readonly name: string
  /** The notice that tells the others of a join; absent where joins are not announced. */
  joined?(who: Member): Buffer
  /** The notice that tells the others of a leave. Called when `who` is out of the room already. */
  left?(who: Member): Buffer
  /** The last notice of a room that has reached its age; absent where rooms do not expire. */
  expired?(): Buffer
  /** What members hear when the relay stops; absent where the close says enough. */
  shutdown?(): Buffer
}

/** A session's place in one room. */
export class Member {
  readonly session: Session
  readonly room: Room
  /** The name under which the others know it: in some dialects several members may share one. */
  readonly id: string
  readonly nickname: string | undefined
  /** Whether it may send; decided when it joins, and anew with a fresh token. */
  mayPublish = true
  /** Place in `room.members`; -1 when it is out. */
  index = -1
  /** How many frames of the room's pending batch were there before it joined. */
  since = 0
  /** Whether it gets less of the pending batch than the rest: it joined meanwhile, or wrote some of it. */
  apart = false

  constructor(session: Session, room: Room, id: string, nickname?: string) {
    this.session = session
    this.room = room
    this.id = id
    this.nickname = nickname
  }
}

/** A batch beyond this is sent at once: it bounds the memory of a turn in which much arrives. */
const MAX_BATCH_BYTES = 256 * 1024

/** Members, and the batch of frames that waits for the end of the turn. */
export class Room {
  readonly kind: RoomKind
  readonly name: string
  /** When it was opened, in milliseconds since 1970. */
  readonly created = Date.now()
  readonly members: Member[] = []
  /** Set by {@link Rooms} if the room is to expire. */
  expiry: Alarm<Room> | undefined
  /** Whether it has: its members are being closed, and their leaves not announced. */
  expired = false

  readonly #ticker: Ticker
  readonly #counters: Counters
  #frames: Buffer[] = []
  /** Who wrote the frame at the same place, and so does not get it. */
  #authors: (Member | undefined)[] = []
  #bytes = 0
  readonly #apart: Member[] = []

  constructor(kind: RoomKind, name: string, ticker: Ticker, counters: Counters) {
    this.kind = kind
    this.name = name
    this.#counters = counters
    this.#ticker = ticker
  }

  /** How many members there are. */
  get count(): number {
    return this.members.length
  }

  /** Whether a member with this id is in. */
  has(id: string): boolean {
    return this.members.some((member) => member.id === id)
  }

  /** The distinct ids of the members. */
  ids(): Set<string> {
    return new Set(this.members.map((member) => member.id))
  }

  /** Takes a member in. It gets nothing that was published before. */
  add(member: Member): void {
    member.index = this.members.push(member) - 1
    if (this.#frames.length > 0) {
      member.since = this.#frames.length
      this.#setApart(member)
    }
  }

  /** Lets a member go, its place taken by the last one. */
  remove(member: Member): void {
    const last = this.members.pop()
    if (last && last !== member) {
      last.index = member.index
      this.members[last.index] = last
    }
    member.index = -1
  }

  /**
   * Sends a frame to all members at the end of this turn.
   *
   * @param frame A whole server frame; it must not change afterwards.
   * @param author Does not get it.
   */
  publish(frame: Buffer, author?: Member): void {
    this.#authors.push(author)
    this.#bytes += frame.length
    if (author) this.#setApart(author)
    this.#ticker.note(this, this.#frames.push(frame) === 1)
    if (this.#bytes > MAX_BATCH_BYTES) this.flush()
  }

  /** Sends `member` what the pending batch has for it, ahead of the rest, so that something else may follow it. */
  catchUp(member: Member): void {
    if (this.#frames.length <= member.since) return
    const share = shareOf(member, { frames: this.#frames, authors: this.#authors })
    member.since = this.#frames.length
    this.#setApart(member)
    this.#write(member, share)
  }

  /**
   * Sends the pending batch. Writing to a member never removes one: a socket that is too slow is
   * dropped after the flush, so `members` stands still meanwhile.
   */
  flush(): void {
    const batch = { frames: this.#frames, authors: this.#authors }
    if (batch.frames.length === 0) return
    this.#frames = []
    this.#authors = []
    this.#bytes = 0
    // The same bytes go to everyone who is not apart; put together for the first of them.
    let shared: Buffer | undefined
    for (const member of this.members) {
      this.#write(member, member.apart ? shareOf(member, batch) : (shared ??= join(batch.frames)))
    }
    for (const member of this.#apart) {
      member.apart = false
      member.since = 0
    }
    this.#apart.length = 0
  }

  #write(member: Member, bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#counters.bytesSent += bytes.length
    member.session.write(bytes)
  }

  #setApart(member: Member): void {
    if (member.apart) return
    member.apart = true
    this.#apart.push(member)
  }
}

interface Batch {
  readonly frames: readonly Buffer[]
  /** Who wrote the frame at the same place, and so does not get it. */
  readonly authors: readonly (Member | undefined)[]
}

const NOTHING = Buffer.alloc(0)

function join(frames: readonly Buffer[]): Buffer {
  const [first = NOTHING] = frames
  return frames.length > 1 ? Buffer.concat(frames) : first
}

/** What a member gets of a batch: the frames since it joined, without its own. */
function shareOf(member: Member, { frames, authors }: Batch): Buffer {
  const share: Buffer[] = []
  for (let place = member.since; place < frames.length; place++) {
    const frame = frames[place]
    if (frame && authors[place] !== member) share.push(frame)
  }
  return join(share)
}
