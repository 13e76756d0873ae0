import type { Outage } from './backplane.js'
import type { Departure, Peers } from './peers.js'
import { SelfHeartbeat } from './self-heartbeat.js'
import { ECHO_TIMEOUT, FENCE_TIMEOUT, SWEEP } from './timing.js'

/** What it needs of its node. */
export interface LiveNode {
  /** Why the backplane cannot be reached; undefined if it can. */
  readonly outage: Outage | undefined
  now(): number
  sendBeat(count: number): void
  /** Own beats were lost, and perhaps more. */
  beatsLost(): void
  /** The connection is of no use: makes a new one. */
  reset(why: string): void
  /** A node is gone. */
  drop(node: string, how: Departure, now: number): void
  /**
   * The others count this node as gone, or are about to.
   *
   * @param awake When it was last known to be in touch.
   */
  fence(awake: number, now: number): void
  /** Forgets what is long ago. */
  sweep(now: number): void
}

/** Decides which nodes are alive: sends beats, gives up nodes from which none come, and fences its own in time. */
export class Liveness {
  readonly #node: LiveNode
  readonly #peers: Peers
  readonly #heartbeat = new SelfHeartbeat()
  /** When the clocks were last looked at. */
  #checked = 0
  #timer: NodeJS.Timeout | undefined

  constructor(node: LiveNode, peers: Peers) {
    this.#node = node
    this.#peers = peers
  }

  start(now: number): void {
    this.#checked = now
    this.#heartbeat.restart(now)
    this.#timer = setInterval(() => this.#check(), SWEEP).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** The connection is new. */
  restart(now: number): void {
    this.#heartbeat.restart(now)
    this.#peers.refresh(now)
  }

  beat(now: number): void {
    this.#node.sendBeat(this.#heartbeat.beat(now))
  }

  /** Fences the node if this process was suspended, or cut off, for too long. */
  wake(now: number): void {
    if (!this.#heartbeat.mustFence(now)) return
    // While the backplane is down for all, no node is given up. After a suspension nobody knows whether it was.
    if (this.#node.outage === 'refused' && now - this.#checked < FENCE_TIMEOUT) return
    this.fence(now)
  }

  fence(now: number): void {
    // Answers that came since then are lost with the connection.
    const awake = this.#checked
    this.#checked = now
    this.#heartbeat.restart(now)
    this.#node.fence(awake, now)
  }

  /** A beat of the node's own came back. */
  receiveEcho(count: number, now: number): void {
    const echo = this.#heartbeat.echo(count, now)
    if (!echo) return
    if (echo.after > ECHO_TIMEOUT) this.#peers.refresh(now)
    if (echo.missed) this.#node.beatsLost()
  }

  #check(): void {
    const now = this.#node.now()
    this.wake(now)
    this.#checked = now
    this.#node.sweep(now)
    if (this.#node.outage !== undefined) return
    if (this.#heartbeat.timedOut(now)) {
      this.#node.reset('nothing comes back')
      return
    }
    if (this.#heartbeat.due(now, this.#peers.size)) this.beat(now)
    // A node whose own beats do not arrive cannot judge others by theirs.
    if (this.#heartbeat.overdue(now)) return
    for (const { id } of this.#peers.silent(now)) this.#node.drop(id, 'silent', now)
  }
}
