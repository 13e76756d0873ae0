/**
 * The periods of the cluster protocol, in milliseconds. They depend on each other. A node that does not get its own
 * heartbeats back lets go of its shared rooms after `FENCE_TIMEOUT`. The other nodes give it up after `PEER_TIMEOUT`,
 * which is longer. So a member that the others have seen leave is never seen again.
 */

/** Between two beats of a node; with many nodes more, so that all together stay below 50 a second. */
export const BEAT = 2000
export const BEATS_A_SECOND = 50
/** How often a node checks the periods below. */
export const SWEEP = 1000
/** Without an echo of its own heartbeats for this time, a node makes a new connection to the backplane. */
export const ECHO_TIMEOUT = 8000
/** The same, and it lets go of the members that share a room with other nodes. */
export const FENCE_TIMEOUT = 10_000
/** Over which those members are closed, so that they do not come back all at once. */
export const EVICTION = 2000
/** A node from which nothing came for so long is given up. */
export const PEER_TIMEOUT = 15_000
/** How long the id of a node that was given up is remembered. */
export const DEPARTED_MEMORY = 600_000

/** How long a new member's welcome waits for the other nodes at most. */
export const WELCOME_TIMEOUT = 250
/** The same if the backplane cannot tell how many they are, and none has answered. */
export const SOLO_WELCOME = 50
/** When a node introduces itself again in a room where not all have answered. */
export const HELLO_RETRY = 2000
/** How long the backplane may take to confirm a subscription. */
export const SUBSCRIBE_TIMEOUT = 3000
/** Between two questions to a node of whose members one is not sure. */
export const QUERY_INTERVAL = 1000
/** A room in which nothing was said for a time within this range says that it is still there. */
export const BEACON = [48_000, 72_000] as const
/** A node that was silent in a room for so long is asked. */
export const ROOM_SILENCE = 150_000
/** After an outage, rooms introduce themselves again within this range. */
export const REINTRODUCTION = [500, 5000] as const
