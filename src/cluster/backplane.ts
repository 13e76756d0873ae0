/** Why a node cannot reach the others. */
export type Outage =
  /** Nothing answers: this node may be the only one that is cut off. */
  | 'silent'
  /** The machine is there, but nothing listens: the backplane itself is down, for all nodes alike. */
  | 'refused'
  /** It is there, and does not let this node in: a wrong password, or rights that are missing. */
  | 'denied'

/** What a {@link Backplane} tells. */
export interface BackplaneEvents {
  /** A frame came on a channel that is subscribed. Own frames come back, too. */
  message(channel: string, frame: Buffer): void
  /** Connected, and subscribed again to everything. */
  up(): void
  /** Disconnected, or not connected yet. Said again when the reason changes. */
  down(outage: Outage, why: string): void
}

/**
 * Carries frames between nodes: publish and subscribe, and no more. Frames of one publisher
 * on one channel arrive in order, each at most once: what cannot be sent now is never sent. It keeps
 * nothing. Redis is one ({@link RedisBackplane}); NATS could be another.
 */
export interface Backplane {
  /** Connects, and connects again whenever the connection is lost, until {@link Backplane.stop}. */
  start(events: BackplaneEvents): void
  /**
   * Publishes a frame. It never rejects: a frame that cannot be sent is lost.
   *
   * @returns How many subscribers got it, this node's own included; undefined if the backplane cannot tell.
   */
  publish(channel: string, frame: Buffer): Promise<number | undefined>
  /** Resolves when the subscription is confirmed, if need be after an outage. From then on no frame is missed. */
  subscribe(channel: string): Promise<void>
  unsubscribe(channel: string): void
  /** Drops a connection that looks alive and is not, and makes a new one: `up` follows when it is there. */
  reset(): void
  /** Sends what was published already, and disconnects. */
  stop(): Promise<void>
}
