import type { FrameFault } from './wire.js'

/** What passed between this node and the others since the start. */
export class ClusterCounters {
  framesSent = 0
  framesReceived = 0
  bytesSent = 0
  bytesReceived = 0
  /** Changes (messages, joins, leaves) that others did not get, because the backplane was away. */
  unsent = 0
  /** Changes of others that never came. */
  lost = 0
  /** Frames that were not understood, and why. */
  readonly refused: Record<FrameFault, number> = { version: 0, unsigned: 0, malformed: 0 }
  outages = 0
  fences = 0
}
