import type { ClusterObserver } from '../cluster/observer.js'
import type { FrameFault } from '../cluster/wire.js'
import type { Logger } from './logger.js'
import { WarningSummary } from './warning-summary.js'

/** What the log says of frames that are not understood. */
export const faultMessages: Record<FrameFault, string> = {
  version: 'Frame of another version from the backplane: are all nodes up to date?',
  unsigned: 'Frame without a right signature from the backplane: do all nodes have the same CLUSTER_SECRET?',
  malformed: 'Malformed frame from the backplane: who else writes there?',
}

/** Writes what happens between the nodes to the log. */
export class ClusterLog implements ClusterObserver {
  readonly #log: Logger
  readonly #summary: WarningSummary

  constructor(log: Logger) {
    this.#log = log
    this.#summary = new WarningSummary(log)
  }

  cutOff(why: string): void {
    this.#log.warn({ why }, 'Cut off from the other nodes: serving local clients alone')
  }

  restored(after: number): void {
    this.#log.info({ after: Math.round(after) }, 'In touch with the other nodes again')
  }

  nodeCame(nodes: number): void {
    this.#log.info({ nodes }, 'Node joined the cluster')
  }

  nodeLeft(nodes: number, how: 'left' | 'silent'): void {
    if (how === 'left') this.#log.info({ nodes }, 'Node left the cluster')
    else this.#log.warn({ nodes }, 'Node given up: nothing came from it')
  }

  fenced(rooms: number): void {
    this.#log.warn({ rooms }, 'Out of touch for too long: closing the connections in shared rooms')
  }

  refused(fault: FrameFault): void {
    this.#summary.warn('', faultMessages[fault], () => ({}))
  }

  failed(error: unknown): void {
    this.#summary.error(error, 'Fault in the cluster')
  }

  /** Writes what is still held back. */
  close(): void {
    this.#summary.flush()
  }
}
