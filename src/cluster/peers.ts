import type { Totals } from '../core/counters.js'
import { PublishOrder } from '../core/flush-group.js'
import type { Room } from '../core/room.js'
import type { Message } from './messages.js'
import { DEPARTED_MEMORY, PEER_TIMEOUT } from './timing.js'
import { OLDEST } from './wire.js'

/** Another node. */
export class Peer {
  readonly id: string
  /** When something came from it. */
  heard: number
  /** The newest version that it speaks; the oldest until it has said so. */
  speaks = OLDEST
  totals: Totals = { connections: 0, rooms: 0, topics: 0, peers: 0 }
  /** Keeps its messages to rooms that share members in order. */
  readonly order = new PublishOrder<Room>()
  #count: number | undefined

  constructor(id: string, now: number) {
    this.id = id
    this.heard = now
  }

  /** Takes a beat. Returns whether some before it never came. */
  beat({ count, speaks, totals }: Beat): boolean {
    if (this.#count !== undefined && count <= this.#count) return false
    const missed = this.#count !== undefined && count !== this.#count + 1
    this.#count = count
    this.speaks = speaks
    this.totals = totals
    return missed
  }
}

/** It said that it leaves, or nothing came from it for too long. */
export type Departure = 'left' | 'silent'

type Beat = Extract<Message, { kind: 'beat' }>

/** More nodes than that are no cluster: somebody makes up ids. */
const MAX_PEERS = 1024

/** The other nodes: those that are there, and those that are gone. */
export class Peers implements Iterable<Peer> {
  readonly #newest: number
  readonly #living = new Map<string, Peer>()
  /** Ids of nodes that are gone, and when and how they went. */
  readonly #departed = new Map<string, { at: number; how: Departure }>()

  /** @param newest The newest version that this node speaks. */
  constructor(newest: number) {
    this.#newest = newest
  }

  get size(): number {
    return this.#living.size
  }

  [Symbol.iterator](): Iterator<Peer> {
    return this.#living.values()
  }

  /** The newest version that all understand. */
  get version(): number {
    let version = this.#newest
    for (const { speaks } of this.#living.values()) version = Math.min(version, speaks)
    return version
  }

  has(id: string): boolean {
    return this.#living.has(id)
  }

  /** Something came from a node that is not gone. Undefined if there are too many nodes. */
  heardFrom(id: string, now: number): Peer | undefined {
    let peer = this.#living.get(id)
    if (peer) peer.heard = now
    else if (this.#living.size < MAX_PEERS) this.#living.set(id, (peer = new Peer(id, now)))
    return peer
  }

  /** How a node went, if it is gone. One that was given up may still be there, and has to be told. */
  departed(id: string): Departure | undefined {
    return this.#departed.get(id)?.how
  }

  /**
   * A node is gone: frames that still come under its id are ignored.
   *
   * @returns Whether it was there.
   */
  markGone(id: string, now: number, how: Departure): boolean {
    this.#departed.set(id, { at: now, how })
    return this.#living.delete(id)
  }

  /** Those from which nothing came for too long. */
  silent(now: number): Peer[] {
    return [...this.#living.values()].filter(({ heard }) => now - heard > PEER_TIMEOUT)
  }

  /** Restarts the time of all peers, if nothing came because of this node itself. */
  refresh(now: number): void {
    for (const peer of this.#living.values()) peer.heard = now
  }

  /** Their totals and those of this node together. */
  addTotals({ connections, rooms, topics, peers }: Totals): Totals {
    const sum = { connections, rooms, topics, peers }
    for (const { totals } of this.#living.values()) {
      sum.connections += totals.connections
      sum.rooms += totals.rooms
      sum.topics += totals.topics
      sum.peers += totals.peers
    }
    return sum
  }

  /** Forgets those that are long gone. */
  sweep(now: number): void {
    for (const [id, { at }] of this.#departed) {
      if (now - at < DEPARTED_MEMORY) return
      this.#departed.delete(id)
    }
  }

  /** Forgets all that are there. */
  clear(): void {
    this.#living.clear()
  }
}
