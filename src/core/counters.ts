/** Plain integers, counted on the way of the messages and read elsewhere. */
export class Counters {
  connections = 0
  disconnections = 0
  messagesReceived = 0
  bytesReceived = 0
  /** Messages handed on to a room. */
  messagesRelayed = 0
  /** Bytes of frames written, one time for each recipient. */
  bytesSent = 0
  rateLimitsHit = 0
}
