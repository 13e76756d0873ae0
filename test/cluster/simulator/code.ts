import type * as ClusterNodeModule from '../../../src/cluster/node.js'
import type * as HubModule from '../../../src/core/hub.js'
import type * as SessionModule from '../../../src/core/session.js'
import type * as DialectsModule from '../../../src/dialects/index.js'

/** The code under test: that of `src/`, or a copy with a fault in it. */
export type Code = typeof ClusterNodeModule & typeof HubModule & typeof SessionModule & typeof DialectsModule

/** Loads the code of `src/`. */
export async function loadCode(): Promise<Code> {
  return {
    ...(await import('../../../src/cluster/node.js')),
    ...(await import('../../../src/core/hub.js')),
    ...(await import('../../../src/core/session.js')),
    ...(await import('../../../src/dialects/index.js')),
  }
}
