/**
 * The frames between nodes, version 1. All numbers are big-endian. A frame begins with its version, its
 * kind, and the id of the node that sent it. What follows a known body is ignored, and so is a kind that
 * is not known: later versions may add both. `docs/scaling.md` has the rules for changes.
 */

import { createHmac, timingSafeEqual } from 'node:crypto'

/** The newest version that this code speaks. It understands all down to {@link OLDEST}. */
export const NEWEST = 1
export const OLDEST = 1

/** A member of a room, as other nodes know it. */
export interface Occupant {
  /** Unique among all members of all nodes: the id of its connection. */
  readonly key: string
  /** The name under which clients know it; several members may share one. */
  readonly id: string
  readonly nickname: string | undefined
}

/** What a node says of itself with each beat. */
export interface Tally {
  readonly connections: number
  /** Rooms that are counted by this node: those of which it has the smallest id among their hosts. */
  readonly rooms: number
  /** Those of them that are topics of `pluresdb`. */
  readonly topics: number
  /** Members of such topics that are connected to this node. */
  readonly peers: number
}

/** One change in a room, in the order in which it happened. */
export type Change =
  | { readonly what: 'data'; readonly frame: Buffer }
  | { readonly what: 'join'; readonly who: Occupant }
  | { readonly what: 'leave'; readonly key: string }

/** Where a node stands in one room. */
interface Stand {
  /** The number of its last change in the room. */
  readonly s: number
  /** The number of its last change that was a join or a leave. */
  readonly v: number
  /** When the room was opened, as far as it knows. */
  readonly created: number
}

/** What a node may say. */
export type Message =
  /** To all: I live. `speaks` is the newest version that it understands. */
  | { readonly kind: 'beat'; readonly count: number; readonly speaks: number; readonly tally: Tally }
  /** To all: I am going. */
  | { readonly kind: 'bye' }
  /** To one: I have told my clients that yours are gone. */
  | { readonly kind: 'dropped' }
  /** To a room's hosts: I host it, too; tell me who is with you, unless I know (`have`: versions by node). */
  | (Stand & {
      readonly kind: 'hello'
      readonly members: readonly Occupant[]
      readonly have: ReadonlyMap<string, number>
    })
  /** To one: who is with me, and which other nodes host the room; none if I do not know yet. */
  | (Stand & {
      readonly kind: 'sync'
      readonly room: string
      readonly hosts: readonly string[]
      readonly members: readonly Occupant[]
    })
  /** To one: I am not sure who is with you. */
  | { readonly kind: 'need'; readonly room: string }
  /** To one: I do not host it, and whatever I said of it up to that number is past. */
  | { readonly kind: 'absent'; readonly room: string; readonly s: number }
  /** To a room's hosts: what happened in one turn. `pv` is the version before the first change. */
  | { readonly kind: 'batch'; readonly first: number; readonly pv: number; readonly changes: readonly Change[] }
  /** To a room's hosts: I am still here. */
  | (Stand & { readonly kind: 'beacon' })
  /** To a room's hosts: my last member has left. */
  | { readonly kind: 'gone'; readonly s: number }
  /** To a room's hosts: the room of that age has expired. */
  | { readonly kind: 'expire'; readonly created: number }

/** A message, and who sent it. */
export interface Envelope {
  readonly version: number
  readonly node: string
  readonly message: Message
}

/** Why a frame was not understood. */
export type FrameFault = 'version' | 'unsigned' | 'malformed'

const kinds = [
  'beat',
  'bye',
  'dropped',
  'hello',
  'sync',
  'need',
  'absent',
  'batch',
  'beacon',
  'gone',
  'expire',
] as const
const changes = ['data', 'join', 'leave'] as const

/** Bytes of a node's id, of a room's key, and of a signature (HMAC-SHA256, cut as RFC 2104 section 5 allows). */
const NODE = 8
const ROOM = 16
const SIGNATURE = 16
/** Version, kind, node. */
const HEADER = 2 + NODE

/** The longest `peerId` is 128 UTF-16 code units, which are at most 3 bytes each. */
const MAX_TEXT = 512

/** Writes and reads frames, signed if the nodes share a secret. */
export class Wire {
  readonly #secret: string
  /** The newest version that it understands. */
  readonly #newest: number

  constructor(secret: string, newest = NEWEST) {
    this.#secret = secret
    this.#newest = newest
  }

  /** @param channel Where it will be published: a signature holds for that alone. */
  encode(channel: string, { version, node, message }: Envelope): Buffer {
    const writer = new Writer()
    writer.byte(version)
    writer.byte(kinds.indexOf(message.kind))
    writer.hex(node)
    write(writer, message)
    if (this.#secret === '') return writer.end()
    const body = writer.end(SIGNATURE)
    this.#sign(channel, body.subarray(0, -SIGNATURE)).copy(body, body.length - SIGNATURE)
    return body
  }

  /** Reads a frame; a fault if it is not one, or of a kind that is not known (undefined). */
  decode(channel: string, frame: Buffer): Envelope | FrameFault | undefined {
    let body = frame
    const [version = 0, kind = 0] = frame
    if (frame.length < HEADER) return 'malformed'
    if (version < OLDEST || version > this.#newest) return 'version'
    if (this.#secret !== '') {
      if (frame.length < HEADER + SIGNATURE) return 'unsigned'
      body = frame.subarray(0, -SIGNATURE)
      if (!timingSafeEqual(this.#sign(channel, body), frame.subarray(-SIGNATURE))) return 'unsigned'
    }
    const name = kinds[kind]
    if (name === undefined) return undefined
    try {
      const reader = new Reader(body, 2)
      const node = reader.hex(NODE)
      return { version, node, message: read(reader, name) }
    } catch (error) {
      if (error instanceof Malformed) return 'malformed'
      throw error
    }
  }

  #sign(channel: string, body: Buffer): Buffer {
    return createHmac('sha256', this.#secret).update(channel).update('\0').update(body).digest().subarray(0, SIGNATURE)
  }
}

function write(to: Writer, message: Message): void {
  switch (message.kind) {
    case 'beat':
      to.number(message.count)
      to.byte(message.speaks)
      to.number(message.tally.connections)
      to.number(message.tally.rooms)
      to.number(message.tally.topics)
      to.number(message.tally.peers)
      break
    case 'hello':
      writeStand(to, message)
      to.list(message.members, writeOccupant)
      to.list([...message.have], (each, [node, v]) => {
        each.hex(node)
        each.number(v)
      })
      break
    case 'sync':
      to.hex(message.room)
      writeStand(to, message)
      to.list(message.hosts, (each, host) => each.hex(host))
      to.list(message.members, writeOccupant)
      break
    case 'need':
      to.hex(message.room)
      break
    case 'absent':
      to.hex(message.room)
      to.number(message.s)
      break
    case 'batch':
      to.number(message.first)
      to.number(message.pv)
      to.list(message.changes, writeChange)
      break
    case 'beacon':
      writeStand(to, message)
      break
    case 'gone':
      to.number(message.s)
      break
    case 'expire':
      to.number(message.created)
      break
    case 'bye':
    case 'dropped':
      break
  }
}

function read(from: Reader, kind: Message['kind']): Message {
  switch (kind) {
    case 'beat':
      return {
        kind,
        count: from.number(),
        speaks: from.byte(),
        tally: { connections: from.number(), rooms: from.number(), topics: from.number(), peers: from.number() },
      }
    case 'hello':
      return {
        kind,
        ...readStand(from),
        members: from.list(readOccupant),
        have: new Map(from.list((each) => [each.hex(NODE), each.number()] as const)),
      }
    case 'sync':
      return {
        kind,
        room: from.hex(ROOM),
        ...readStand(from),
        hosts: from.list((each) => each.hex(NODE)),
        members: from.list(readOccupant),
      }
    case 'need':
      return { kind, room: from.hex(ROOM) }
    case 'absent':
      return { kind, room: from.hex(ROOM), s: from.number() }
    case 'batch':
      return { kind, first: from.number(), pv: from.number(), changes: from.list(readChange) }
    case 'beacon':
      return { kind, ...readStand(from) }
    case 'gone':
      return { kind, s: from.number() }
    case 'expire':
      return { kind, created: from.number() }
    case 'bye':
    case 'dropped':
      return { kind }
  }
}

function writeStand(to: Writer, { s, v, created }: Stand): void {
  to.number(s)
  to.number(v)
  to.number(created)
}

function readStand(from: Reader): Stand {
  return { s: from.number(), v: from.number(), created: from.number() }
}

function writeOccupant(to: Writer, { key, id, nickname = '' }: Occupant): void {
  to.text(key)
  // Where the id is the connection's own, it need not be said twice.
  to.text(id === key ? '' : id)
  to.text(nickname)
}

function readOccupant(from: Reader): Occupant {
  const key = from.text()
  if (key === '') throw new Malformed()
  return { key, id: from.text() || key, nickname: from.text() || undefined }
}

function writeChange(to: Writer, change: Change): void {
  to.byte(changes.indexOf(change.what))
  if (change.what === 'data') to.bytes(change.frame)
  else if (change.what === 'join') writeOccupant(to, change.who)
  else to.text(change.key)
}

function readChange(from: Reader): Change {
  const what = changes[from.byte()]
  if (what === 'data') return { what, frame: readFrame(from) }
  if (what === 'join') return { what, who: readOccupant(from) }
  if (what === 'leave') return { what, key: from.text() }
  throw new Malformed()
}

/** A whole message to clients, RFC 6455 section 5.2: it goes to their sockets as it is. */
function readFrame(from: Reader): Buffer {
  const frame = from.bytes()
  const [first = 0, second = 0] = frame
  const [header, length] =
    second < 126 ? [2, second] : second === 126 && frame.length > 4 ? [4, frame.readUInt16BE(2)] : longLength(frame)
  if ((first !== 0x81 && first !== 0x82) || frame.length !== header + length) throw new Malformed()
  return frame
}

function longLength(frame: Buffer): [number, number] {
  if (frame.length < 10 || frame[1] !== 127) throw new Malformed()
  return [10, Number(frame.readBigUInt64BE(2))]
}

/** A frame that is not what it should be. */
class Malformed extends Error {}

const DOUBLE = 8

/** Collects the pieces of a frame, and copies them together once. */
class Writer {
  readonly #pieces: (number | string | Buffer)[] = []
  readonly #sizes: number[] = []
  #length = 0

  byte(value: number): void {
    this.#add(value, 1)
  }

  /** A number up to 2^53, as a double: exact, and enough for microseconds since 1970. */
  number(value: number): void {
    this.#add(value, DOUBLE)
  }

  hex(value: string): void {
    this.#add(Buffer.from(value, 'hex'), value.length / 2)
  }

  text(value: string): void {
    const length = Buffer.byteLength(value)
    this.#add(length, 2)
    this.#add(value, length)
  }

  bytes(value: Buffer): void {
    this.#size(value.length)
    this.#add(value, value.length)
  }

  list<T>(items: readonly T[], each: (to: Writer, item: T) => void): void {
    this.#size(items.length)
    for (const item of items) each(this, item)
  }

  /** @param spare Bytes to leave free at the end. */
  end(spare = 0): Buffer {
    const frame = Buffer.allocUnsafeSlow(this.#length + spare)
    let at = 0
    for (const [i, piece] of this.#pieces.entries()) {
      const size = this.#sizes[i] ?? 0
      if (typeof piece === 'string') frame.write(piece, at)
      else if (typeof piece === 'object') piece.copy(frame, at)
      else if (size === DOUBLE) frame.writeDoubleBE(piece, at)
      else frame.writeUIntBE(piece, at, size)
      at += size
    }
    return frame
  }

  #size(length: number): void {
    this.#add(length, 4)
  }

  #add(piece: number | string | Buffer, length: number): void {
    this.#pieces.push(piece)
    this.#sizes.push(length)
    this.#length += length
  }
}

/** Takes a frame apart, and never reads behind its end. */
class Reader {
  readonly #frame: Buffer
  #at: number

  constructor(frame: Buffer, at: number) {
    this.#frame = frame
    this.#at = at
  }

  byte(): number {
    return this.#take(1).readUInt8()
  }

  number(): number {
    const value = this.#take(DOUBLE).readDoubleBE()
    if (!Number.isSafeInteger(value) || value < 0) throw new Malformed()
    return value
  }

  hex(length: number): string {
    return this.#take(length).toString('hex')
  }

  text(): string {
    const length = this.#take(2).readUInt16BE()
    if (length > MAX_TEXT) throw new Malformed()
    return this.#take(length).toString()
  }

  bytes(): Buffer {
    return this.#take(this.#size())
  }

  list<T>(each: (from: Reader) => T): T[] {
    const length = this.#size()
    // Each item takes a byte at least.
    if (length > this.#frame.length - this.#at) throw new Malformed()
    return Array.from({ length }, () => each(this))
  }

  #size(): number {
    return this.#take(4).readUInt32BE()
  }

  #take(length: number): Buffer {
    if (length > this.#frame.length - this.#at) throw new Malformed()
    const taken = this.#frame.subarray(this.#at, this.#at + length)
    this.#at += length
    return taken
  }
}
