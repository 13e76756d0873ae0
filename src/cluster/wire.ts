/**
 * The frames between nodes, version 1. All numbers are big-endian. A frame begins with its version, its
 * kind, and the id of the node that sent it; the highest bit of the version tells that a signature ends it.
 * What follows a known body is ignored, and so is a kind that is not known: later versions may add both. `docs/scaling.md` has the rules for changes.
 */

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { HistoryEntry } from '../core/history.js'
import { ByteReader, ByteWriter, Malformed } from './bytes.js'
import type { Change, MemberRecord, Message, Position } from './messages.js'

/** The newest version that this code speaks. It understands all down to {@link OLDEST}. */
export const NEWEST = 1
export const OLDEST = 1

/** A message, its version, and the id of the node that sent it. */
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
/** Marks the version of a signed frame. */
const SIGNED = 0x80
/** Version, kind, node. */
const HEADER = 2 + NODE

/** Writes and reads frames, signed if the nodes share a secret. */
export class WireCodec {
  readonly #secret: string
  /** The newest version that it understands. */
  readonly #newest: number

  constructor(secret: string, newest = NEWEST) {
    this.#secret = secret
    this.#newest = newest
  }

  /** @param channel Where it will be published: a signature holds for that alone. */
  encode(channel: string, { version, node, message }: Envelope): Buffer {
    const writer = new ByteWriter()
    writer.byte(this.#secret === '' ? version : version | SIGNED)
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
    const [first = 0, kind = 0] = frame
    if (frame.length < HEADER) return 'malformed'
    // A node without a secret takes no signed frames either: those nodes would not take its own.
    if ((first & SIGNED) !== (this.#secret === '' ? 0 : SIGNED)) return 'unsigned'
    const version = first & ~SIGNED
    if (version < OLDEST || version > this.#newest) return 'version'
    if (this.#secret !== '') {
      if (frame.length < HEADER + SIGNATURE) return 'unsigned'
      body = frame.subarray(0, -SIGNATURE)
      if (!timingSafeEqual(this.#sign(channel, body), frame.subarray(-SIGNATURE))) return 'unsigned'
    }
    const name = kinds[kind]
    if (name === undefined) return undefined
    try {
      const reader = new ByteReader(body, 2)
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

function write(to: ByteWriter, message: Message): void {
  switch (message.kind) {
    case 'beat':
      to.number(message.count)
      to.byte(message.speaks)
      to.number(message.totals.connections)
      to.number(message.totals.rooms)
      to.number(message.totals.topics)
      to.number(message.totals.peers)
      break
    case 'hello':
      writePosition(to, message)
      to.list(message.members, writeMember)
      to.list([...message.known], (each, [node, membershipSeq]) => {
        each.hex(node)
        each.number(membershipSeq)
      })
      to.byte(Number(message.wantsHistory))
      writeOwners(to, message.members)
      break
    case 'sync':
      to.hex(message.room)
      writePosition(to, message)
      to.list(message.hosts, (each, host) => each.hex(host))
      to.list(message.members, writeMember)
      to.list(message.history, writeHistoryEntry)
      writeOwners(to, message.members)
      break
    case 'need':
      to.hex(message.room)
      break
    case 'absent':
      to.hex(message.room)
      to.number(message.seq)
      break
    case 'batch':
      to.number(message.first)
      to.number(message.prevMembershipSeq)
      to.list(message.changes, writeChange)
      writeOwners(to, joinsOf(message.changes))
      break
    case 'beacon':
      writePosition(to, message)
      break
    case 'gone':
      to.number(message.seq)
      break
    case 'expire':
      to.number(message.created)
      break
    case 'bye':
    case 'dropped':
      break
  }
}

/** Reads a body, and the owners that newer nodes write behind it. */
function read(from: ByteReader, kind: Message['kind']): Message {
  const message = readBody(from, kind)
  if (message.kind === 'hello' || message.kind === 'sync') {
    const owners = readOwners(from, message.members.length)
    return owners ? { ...message, members: message.members.map((who, i) => ({ ...who, owner: owners[i] })) } : message
  }
  if (message.kind !== 'batch' || from.rest === 0) return message
  const owners = readOwners(from, joinsOf(message.changes).length)
  if (!owners) return message
  const next = owners.values()
  const changes = message.changes.map((change): Change => {
    return change.what === 'join' ? { ...change, who: { ...change.who, owner: next.next().value } } : change
  })
  return { ...message, changes }
}

/** Most batches have none. */
function joinsOf(changes: readonly Change[]): MemberRecord[] {
  const joins: MemberRecord[] = []
  for (const change of changes) if (change.what === 'join') joins.push(change.who)
  return joins
}

/** Written behind the body, where older nodes do not look, and only if a member has an owner. */
function writeOwners(to: ByteWriter, members: readonly MemberRecord[]): void {
  if (members.every(({ owner }) => owner === undefined)) return
  to.list(members, (each, { owner = '' }) => each.text(owner))
}

/** Undefined if none follow. */
function readOwners(from: ByteReader, count: number): string[] | undefined {
  if (count === 0 || from.rest === 0) return undefined
  try {
    const owners = from.list((each) => each.text())
    return owners.length === count ? owners : undefined
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

function readBody(from: ByteReader, kind: Message['kind']): Message {
  switch (kind) {
    case 'beat':
      return {
        kind,
        count: from.number(),
        speaks: from.byte(),
        totals: { connections: from.number(), rooms: from.number(), topics: from.number(), peers: from.number() },
      }
    case 'hello':
      return {
        kind,
        ...readPosition(from),
        members: from.list(readMember),
        known: new Map(from.list((each) => [each.hex(NODE), each.number()] as const)),
        wantsHistory: from.byte() === 1,
      }
    case 'sync':
      return {
        kind,
        room: from.hex(ROOM),
        ...readPosition(from),
        hosts: from.list((each) => each.hex(NODE)),
        members: from.list(readMember),
        history: from.list(readHistoryEntry),
      }
    case 'need':
      return { kind, room: from.hex(ROOM) }
    case 'absent':
      return { kind, room: from.hex(ROOM), seq: from.number() }
    case 'batch':
      return { kind, first: from.number(), prevMembershipSeq: from.number(), changes: from.list(readChange) }
    case 'beacon':
      return { kind, ...readPosition(from) }
    case 'gone':
      return { kind, seq: from.number() }
    case 'expire':
      return { kind, created: from.number() }
    case 'bye':
    case 'dropped':
      return { kind }
  }
}

function writePosition(to: ByteWriter, { seq, membershipSeq, created }: Position): void {
  to.number(seq)
  to.number(membershipSeq)
  to.number(created)
}

function readPosition(from: ByteReader): Position {
  return { seq: from.number(), membershipSeq: from.number(), created: from.number() }
}

function writeMember(to: ByteWriter, { key, id, nickname = '' }: MemberRecord): void {
  to.text(key)
  // An id that is the key is not written twice.
  to.text(id === key ? '' : id)
  to.text(nickname)
}

function readMember(from: ByteReader): MemberRecord {
  const key = from.text()
  if (key === '') throw new Malformed()
  return { key, id: from.text() || key, nickname: from.text() || undefined }
}

function writeHistoryEntry(to: ByteWriter, { text, at, origin }: HistoryEntry): void {
  to.bytes(text)
  to.number(at)
  to.text(origin)
}

function readHistoryEntry(from: ByteReader): HistoryEntry {
  return { text: from.bytes(), at: from.number(), origin: from.text() }
}

function writeChange(to: ByteWriter, change: Change): void {
  to.byte(changes.indexOf(change.what))
  if (change.what === 'data') to.bytes(change.frame)
  else if (change.what === 'join') writeMember(to, change.who)
  else to.text(change.key)
}

function readChange(from: ByteReader): Change {
  const what = changes[from.byte()]
  if (what === 'data') return { what, frame: readFrame(from) }
  if (what === 'join') return { what, who: readMember(from) }
  if (what === 'leave') return { what, key: from.text() }
  throw new Malformed()
}

/** A whole message to clients, RFC 6455 section 5.2: it goes to their sockets as it is. */
function readFrame(from: ByteReader): Buffer {
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
