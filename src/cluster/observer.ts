import type { Totals } from '../core/counters.js'
import type { FrameFault } from './wire.js'

/** Observes what happens between the nodes. */
export interface ClusterObserver {
  /** The backplane cannot be reached. */
  cutOff(why: string): void
  /** It can again, after so many milliseconds. */
  restored(after: number): void
  /** A node was heard for the first time, or is gone. */
  nodeCame(nodes: number): void
  nodeLeft(nodes: number, how: 'left' | 'silent'): void
  /** So many rooms that are shared with other nodes are being closed here, because those count their members as gone. */
  fenced(rooms: number): void
  /** A frame from the backplane was not understood. */
  refused(fault: FrameFault): void
  /** A fault in the cluster's own code. */
  failed(error: unknown): void
}

/** What is known of all nodes together. */
export interface ClusterState extends Totals {
  /** How many there are, this one among them. */
  readonly nodes: number
}
