import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Congestible, SlowConsumerState } from '../core/congestion.js'
import { BUFFER_COST, type BudgetedConsumer, type SendBudget, type SharedBytes } from './send-budget.js'

/**
 * Bytes that the socket is given at once. TLS encrypts all that it is given, for each consumer anew. And each piece that
 * is sent shows that the client takes something.
 */
export const PIECE = 64 * 1024

/** Memory that an entry of the queue takes, in bytes. */
const ENTRY_COST = 64

/** Senders wait only for members that take at least so many bytes a millisecond: 64 KiB a second. */
const LEAST_PACE = (64 * 1024) / 1000

/** Share of `maxBufferedBytes` at which the senders of a room are slowed down... */
const HIGH_WATER = 1 / 2
/** ...and below which they go on. */
const LOW_WATER = 1 / 8

/** Stands for `maxBufferedBytes` in these shares where that is 0, in bytes. */
const UNLIMITED = 8 * 2 ** 20

/** What all slow consumers of a relay share. */
export interface SlowConsumerContext {
  readonly budget: SendBudget
  /** Bytes; 0 means no limit. */
  readonly maxBufferedBytes: number
}

/** The connection whose client reads slowly. */
export interface SlowConnection {
  readonly socket: Socket
  readonly context: SlowConsumerContext
  /** The client has taken some of what it was sent. */
  progressed(): void
  /** All has been sent. */
  caughtUp(): void
  /** Too much waits, or nothing is taken: sends a close frame. Called when no room is being flushed. */
  dropSlow(): void
  /** All slow consumers together take too much memory: cuts the connection without a close frame. May be called at any time. */
  cutSlow(): void
}

interface Entry {
  readonly shared: SharedBytes
  readonly room: Congestible | undefined
  next: Entry | undefined
}

/**
 * A queue for a client that reads more slowly than the relay writes. It has references to the bytes, and gives the
 * socket a piece at a time. It exists only as long as something waits.
 */
export class SlowConsumer implements SlowConsumerState, BudgetedConsumer {
  /** When it last took something, in milliseconds of `performance.now()`. */
  tookAt = performance.now()
  onPaceUntil = this.tookAt
  /** Whether its connection is about to be closed: then only a close frame is added. */
  dropped = false

  readonly #connection: SlowConnection
  /** Whether the socket speaks TLS: then each write takes memory of its own. */
  readonly #encrypted: boolean
  readonly #budget: SendBudget
  #first: Entry | undefined
  #last: Entry | undefined
  /** How much of the first entry the socket has been given. */
  #given = 0
  /** Bytes of the queue that the socket has not been given, and the entries. */
  #queued = 0
  #entries = 0
  /** What the socket has been given and not yet sent: its entries, its bytes at the last look, and memory that no other consumer shares. */
  #sending: SharedBytes[] = []
  #unsent = 0
  #own = 0
  /** Writes of ours that the socket has not finished. */
  #writes = 0
  #ending = false
  #over = false
  /** Bytes of each room that wait. */
  readonly #rooms = new Map<Congestible, number>()

  /** @param written What the socket was given last, if it has not sent it. */
  constructor(connection: SlowConnection, written?: Buffer) {
    this.#connection = connection
    this.#encrypted = isEncrypted(connection.socket)
    this.#budget = connection.context.budget
    if (written) this.#sending.push(this.#budget.hold(written))
    this.#unsent = connection.socket.writableLength
    if (this.#encrypted) this.#keep(this.#unsent)
    this.#budget.progressed(this)
  }

  /** Bytes that have not been sent. */
  get backlog(): number {
    return this.#queued + this.#connection.socket.writableLength
  }

  /** Queues bytes behind what waits already. */
  add(bytes: Buffer, room?: Congestible): void {
    const entry: Entry = { shared: this.#budget.hold(bytes), room, next: undefined }
    if (this.#last) this.#last.next = entry
    else this.#first = entry
    this.#last = entry
    this.#queued += bytes.length
    this.#entries++
    this.#budget.charge(ENTRY_COST)
    if (room) this.#wait(room, bytes.length)
    if (this.#writes === 0) this.#write()
    const { maxBufferedBytes } = this.#connection.context
    if (maxBufferedBytes > 0 && this.#cost > maxBufferedBytes) this.drop()
    this.#budget.enforce()
  }

  /** What `maxBufferedBytes` limits: all that waits behind the message that is being sent. */
  get #cost(): number {
    if (!this.#first) return 0
    return this.#queued - (this.#first.shared.length - this.#given) + BUFFER_COST * (this.#entries - 1)
  }

  /** Ends our half of the socket behind what waits. */
  end(): void {
    this.#ending = true
    if (!this.#first) this.#connection.socket.end()
  }

  /** Its client has left its rooms: senders need not wait for it. */
  leaveRooms(): void {
    for (const room of this.#rooms.keys()) room.caughtUp(this)
    this.#rooms.clear()
  }

  /** Closes the connection with a close frame, once, and after the flush of the room. */
  drop(): void {
    if (this.dropped) return
    this.dropped = true
    process.nextTick(dropSlow, this.#connection)
  }

  /** Cuts the connection at once, and releases all that waits. */
  cutOff(): void {
    this.dropped = true
    this.discard()
    this.#connection.cutSlow()
  }

  /** Releases all that waits. */
  discard(): void {
    this.#over = true
    this.leaveRooms()
    for (let entry = this.#first; entry; entry = entry.next) this.#budget.release(entry.shared)
    this.#budget.charge(-ENTRY_COST * this.#entries)
    this.#first = undefined
    this.#last = undefined
    this.#queued = 0
    this.#entries = 0
    this.#sent()
    this.#budget.forget(this)
  }

  /** Ends it if all has been sent. The write that made it fall behind has no callback, so the budget looks from time to time. */
  settle(): void {
    if (this.#over || this.#first || this.#writes > 0 || this.#connection.socket.writableLength > 0) return
    this.discard()
    this.#connection.caughtUp()
  }

  /** Gives the socket as much as it sends at once, and one piece more. */
  #write(): void {
    const { socket } = this.#connection
    while (this.#first && (this.#writes === 0 || socket.writableLength === 0)) {
      const piece = this.#next(this.#first)
      this.#writes++
      this.#unsent += piece.length
      socket.write(piece, this.#onWritten)
    }
    if (!this.#first && this.#ending) socket.end()
  }

  readonly #onWritten = (): void => {
    this.#writes--
    if (this.#over) return
    const { socket } = this.#connection
    this.#took(this.#unsent - socket.writableLength)
    if (this.#writes === 0) this.#sent()
    if (this.#first) this.#write()
    else this.settle()
  }

  /** The client, or its operating system, has taken so many bytes. */
  #took(bytes: number): void {
    if (bytes <= 0) return
    this.#unsent -= bytes
    this.tookAt = performance.now()
    this.onPaceUntil = Math.min(this.tookAt, this.onPaceUntil + bytes / LEAST_PACE)
    this.#budget.progressed(this)
    this.#connection.progressed()
  }

  /** All that the socket was given has been sent. */
  #sent(): void {
    for (const shared of this.#sending) this.#budget.release(shared)
    this.#sending = []
    this.#budget.charge(-this.#own)
    this.#own = 0
  }

  /** Takes the next piece off the queue. Small entries are put together: each write is a system call. */
  #next(first: Entry): Buffer {
    const rest = first.shared.length - this.#given
    if (rest < PIECE && first.next && rest + first.next.shared.length <= PIECE) return this.#join()
    const { bytes } = first.shared
    const piece = rest === bytes.length && rest <= PIECE ? bytes : bytes.subarray(this.#given, this.#given + PIECE)
    if (this.#encrypted) this.#keep(piece.length)
    if (piece.length < rest) this.#give(first, piece.length)
    else this.#sending.push(this.#remove(first, rest))
    return piece
  }

  #join(): Buffer {
    const parts: Buffer[] = []
    let length = 0
    for (let entry = this.#first; entry; entry = this.#first) {
      const rest = entry.shared.length - this.#given
      if (length + rest > PIECE) break
      length += rest
      parts.push(entry.shared.bytes.subarray(this.#given))
      this.#budget.release(this.#remove(entry, rest))
    }
    this.#keep(length)
    return Buffer.concat(parts, length)
  }

  /** Takes an entry off the queue. So many bytes of it were left. */
  #remove(entry: Entry, rest: number): SharedBytes {
    this.#give(entry, rest)
    this.#given = 0
    this.#first = entry.next
    if (!entry.next) this.#last = undefined
    this.#entries--
    this.#budget.charge(-ENTRY_COST)
    return entry.shared
  }

  #give({ room }: Entry, bytes: number): void {
    this.#given += bytes
    this.#queued -= bytes
    if (room) this.#wait(room, -bytes)
  }

  /** Counts memory that no other consumer shares, until all is sent. */
  #keep(bytes: number): void {
    this.#own += bytes
    this.#budget.charge(bytes)
  }

  /** More bytes of a room wait, or fewer. */
  #wait(room: Congestible, bytes: number): void {
    const lag = (this.#rooms.get(room) ?? 0) + bytes
    if (lag > 0) this.#rooms.set(room, lag)
    else this.#rooms.delete(room)
    const most = this.#connection.context.maxBufferedBytes || UNLIMITED
    if (lag > most * (this.#budget.tight ? LOW_WATER : HIGH_WATER)) room.fellBehind(this)
    else if (lag <= most * LOW_WATER) room.caughtUp(this)
  }
}

/** Whether a socket speaks TLS. */
export function isEncrypted(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true
}

function dropSlow(connection: SlowConnection): void {
  connection.dropSlow()
}
