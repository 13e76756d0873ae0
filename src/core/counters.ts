/** Plain integers, counted on the way of the messages and read elsewhere. */
export class Counters {
  connections = 0
  disconnections = 0
  messagesIn = 0
  bytesIn = 0
  /** Messages handed on to a room. */
  messagesRelayed = 0
  /** Batches written, one for each recipient. */
  writes = 0
  bytesOut = 0
  rateLimitsHit = 0
}
