import { PublishOrder } from '../core/flush-group.js'
import type { Message, Totals } from './messages.js'
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
  /** Keeps what it says of rooms that share members in order. */
  readonly order = new PublishOrder()
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

type Beat = Extract<Message, { kind: 'beat' }>

/** More than that is not a cluster, but somebody who makes up ids. */
const MAX_PEERS = 1024

/** The other nodes: who is there, and who was given up. */
export class Peers implements Iterable<Peer> {
  readonly #newest: number
  readonly #living = new Map<string, Peer>()
  /** Ids of nodes that are gone, when, and whether they know it. */
  readonly #departed = new Map<string, { at: number; said: boolean }>()

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

  /** Whether a node is gone: it said so itself, or is to be told. */
  departed(id: string): 'said' | 'untold' | undefined {
    const grave = this.#departed.get(id)
    return grave && (grave.said ? 'said' : 'untold')
  }

  /**
   * A node is gone, and nothing that still comes under its id counts.
   *
   * @param said Whether it said so itself.
   * @returns Whether it was there.
   */
  markGone(id: string, now: number, said: boolean): boolean {
    this.#departed.set(id, { at: now, said })
    return this.#living.delete(id)
  }

  /** Those from which nothing came for too long. */
  silent(now: number): Peer[] {
    return [...this.#living.values()].filter(({ heard }) => now - heard > PEER_TIMEOUT)
  }

  /** Gives all of them time anew: if nothing came, it was this node's fault. */
  refresh(now: number): void {
    for (const peer of this.#living.values()) peer.heard = now
  }

  /** Forgets those who are gone for long. */
  sweep(now: number): void {
    for (const [id, { at }] of this.#departed) {
      if (now - at < DEPARTED_MEMORY) return
      this.#departed.delete(id)
    }
  }

  /** Forgets all who are there. */
  clear(): void {
    this.#living.clear()
  }
}
