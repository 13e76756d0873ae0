import type { Mutant } from '../../support/code.js'
import type { Fault } from './world.js'

/** A fault put into the protocol, which the simulation has to find. */
export interface ClusterMutant extends Mutant {
  /** What has to go wrong for it to show. */
  readonly faults: readonly Fault[]
}

export const mutants: readonly ClusterMutant[] = [
  {
    name: 'what comes twice counts twice',
    file: 'cluster/remote-room.ts',
    from: 'if (last <= this.seq) return 0',
    to: '',
    faults: [],
  },
  {
    name: 'joins and leaves that are missing are not noticed',
    file: 'cluster/remote-room.ts',
    from: 'this.synced = batch.prevMembershipSeq === this.membershipSeq',
    to: 'this.synced = true',
    faults: ['cut'],
  },
  {
    name: 'a node introduces itself before it can hear the answers',
    file: 'cluster/link.ts',
    from: 'await this.#node.subscribe(this.channel)',
    to: 'void this.#node.subscribe(this.channel)',
    faults: [],
  },
  {
    name: 'a newcomer waits for the first answer only',
    file: 'cluster/link.ts',
    from: 'if (this.ready !== undefined && this.#hosts.complete) this.#becomeReady()',
    to: 'if (this.ready !== undefined && this.shared) this.#becomeReady()',
    faults: [],
  },
  {
    name: 'leaves are not told',
    file: 'cluster/link.ts',
    from: "this.#change({ what: 'leave', key })",
    to: '',
    faults: [],
  },
  {
    name: 'nodes do not agree on when a room was opened',
    file: 'cluster/link.ts',
    from: 'this.#rooms.backdate(room, created)',
    to: 'void created',
    faults: [],
  },
  {
    name: 'a node that is silent is not given up',
    file: 'cluster/peers.ts',
    from: 'now - heard > PEER_TIMEOUT',
    to: 'now - heard > PEER_TIMEOUT * 1000',
    faults: ['kill'],
  },
  {
    name: 'a node that hears nothing gives up the others',
    file: 'cluster/liveness.ts',
    from: 'this.#peers.refresh(now)',
    to: 'void this.#peers',
    faults: ['restart'],
  },
  {
    name: 'a node that was away keeps its members',
    file: 'cluster/node.ts',
    from: 'link.evict(Math.random() * EVICTION)',
    to: 'void EVICTION',
    faults: ['sleep', 'hole'],
  },
  {
    name: 'a node that slept hears what is old',
    file: 'cluster/node.ts',
    from: "if (this.connected) this.reset('out of touch for too long')",
    to: '',
    faults: ['sleep'],
  },
  {
    name: 'a node does not notice that it slept',
    file: 'cluster/self-heartbeat.ts',
    from: 'return now - this.#echoed >= FENCE_TIMEOUT',
    to: 'return now < 0',
    faults: ['sleep', 'hole'],
  },
]
