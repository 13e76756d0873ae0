import { randomBytes } from 'node:crypto'
import { AgeClock } from '../core/clocks.js'
import type { Cluster, ClusterRooms } from '../core/cluster.js'
import type { Totals } from '../core/counters.js'
import { Deadlines } from '../core/deadlines.js'
import type { Room } from '../core/room.js'
import type { Backplane, BackplaneEvents, Outage } from './backplane.js'
import { BackplaneStatus } from './backplane-status.js'
import { Channels } from './channels.js'
import { ClusterCounters } from './counters.js'
import { type LinkNode, RoomLink } from './link.js'
import { type LiveNode, Liveness } from './liveness.js'
import type { Message } from './messages.js'
import type { ClusterObserver, ClusterState } from './observer.js'
import { type Departure, type Peer, Peers } from './peers.js'
import { RoomAges } from './room-ages.js'
import { SequenceNumbers } from './sequence-numbers.js'
import { BEAT, EVICTION, SWEEP } from './timing.js'
import { type Envelope, NEWEST, OLDEST, WireCodec } from './wire.js'

/** How a node takes part. */
export interface NodeOptions {
  /** Begins the names of all channels: relays with another name do not meet. */
  readonly name: string
  /** Signs frames and hides room names; empty for none. */
  readonly secret: string
  /** Larger frames are not looked at, in bytes. */
  readonly maxFrame: number
  /** Age at which rooms expire, in milliseconds. */
  readonly roomExpiry: number
  /**
   * What is open on this node.
   *
   * @param elsewhere How many of its rooms other nodes count, by dialect: these are left out.
   */
  totals(elsewhere: ReadonlyMap<string, number>): Totals
  /** The newest version of the frames that it speaks: given only by tests. */
  readonly speaks?: number
}

/** This node among the others: takes their frames from the backplane to the rooms here, and back. */
export class ClusterNode implements Cluster, BackplaneEvents, LinkNode, LiveNode {
  /** New at each start, and whenever the others have given it up. */
  id = newId()
  readonly counters = new ClusterCounters()
  readonly numbers = new SequenceNumbers()
  readonly deadlines = new Deadlines<RoomLink>((link) => link.tick())

  readonly #clock = new AgeClock()
  readonly #backplane: Backplane
  readonly #options: NodeOptions
  readonly #observer: ClusterObserver
  readonly #wire: WireCodec
  readonly #channels: Channels
  readonly #links = new Map<string, RoomLink>()
  readonly #peers: Peers
  readonly ages: RoomAges
  /** How many rooms other nodes count, by dialect. */
  readonly #countedElsewhere = new Map<string, number>()
  readonly #status: BackplaneStatus
  readonly #liveness: Liveness
  /** When it connected: for a while after that it does not know all other nodes. */
  #arrived = 0
  /** Ids under which the others may still know it. */
  readonly #former: string[] = []
  #started: (() => void) | undefined

  constructor(backplane: Backplane, options: NodeOptions, observer: ClusterObserver) {
    this.#backplane = backplane
    this.#options = options
    this.#observer = observer
    this.#status = new BackplaneStatus(this.counters, observer)
    this.#channels = new Channels(options.name, options.secret)
    this.ages = new RoomAges(options.roomExpiry)
    this.#wire = new WireCodec(options.secret, options.speaks)
    this.#peers = new Peers(options.speaks ?? NEWEST)
    this.#liveness = new Liveness(this, this.#peers)
  }

  /** Resolves when the backplane is there, or is known not to be. */
  async start(): Promise<void> {
    const now = this.now()
    this.#status.reset(now)
    const started = new Promise<void>((resolve) => {
      this.#started = resolve
    })
    this.#liveness.start(now)
    this.#backplane.start(this)
    void this.subscribe(this.#channels.control)
    void this.subscribe(this.#channels.inbox(this.id))
    await started
  }

  /** Says bye to the others. */
  async stop(): Promise<void> {
    this.#liveness.stop()
    this.deadlines.clear()
    if (this.connected) void this.publish(this.#channels.control, { kind: 'bye' })
    await this.#backplane.stop()
    // In case it starts again: the others ignore an id that has said bye.
    this.id = newId()
    this.#status.reset(this.now())
  }

  get outage(): Outage | undefined {
    return this.#status.outage
  }

  /** Whether the backplane can be reached. */
  get connected(): boolean {
    return this.#status.outage === undefined
  }

  /** Why this node is not in touch with the others; undefined if it is. */
  get healthIssue(): string | undefined {
    return this.#status.healthIssue
  }

  /** The nodes together, as of their last beats. */
  get state(): ClusterState {
    return { nodes: this.#peers.size + 1, ...this.#peers.addTotals(this.#totals()) }
  }

  /** Milliseconds of a clock that only goes forward, and not slower than those of the others while this machine sleeps. */
  now(): number {
    return this.#clock.now()
  }

  link(room: Room, rooms: ClusterRooms): RoomLink {
    const key = this.#channels.keyOf(room)
    const link = new RoomLink(this, room, rooms, key, this.#channels.room(key))
    this.#links.set(link.channel, link)
    return link
  }

  wake(now = this.now()): void {
    this.#liveness.wake(now)
  }

  message(channel: string, frame: Buffer): void {
    const now = this.now()
    this.wake(now)
    this.counters.framesReceived++
    this.counters.bytesReceived += frame.length
    const envelope = frame.length > this.#options.maxFrame ? 'malformed' : this.#wire.decode(channel, frame)
    if (envelope === undefined) return
    if (typeof envelope === 'string') {
      this.counters.refused[envelope]++
      this.#observer.refused(envelope)
    } else if (envelope.node !== this.id) this.#receive(channel, envelope, now)
    else if (envelope.message.kind === 'beat') this.#liveness.receiveEcho(envelope.message.count, now)
  }

  up(): void {
    const now = this.now()
    this.wake(now)
    this.#status.up(now)
    this.#arrived = now
    this.#liveness.restart(now)
    this.#sayBye()
    this.#liveness.beat(now)
    for (const link of this.#links.values()) link.restored()
    this.#started?.()
  }

  down(outage: Outage, why: string): void {
    this.#status.down(outage, why, this.now())
    this.#started?.()
  }

  /** Publishes to all who listen on a channel. */
  publish(channel: string, message: Message): Promise<number | undefined> {
    return this.#publish(channel, this.id, message)
  }

  /** Publishes to one node. */
  sendTo(node: string, message: Message): void {
    void this.publish(this.#channels.inbox(node), message)
  }

  async subscribe(channel: string): Promise<void> {
    try {
      await this.#backplane.subscribe(channel)
    } catch (error) {
      this.failed(error)
    }
  }

  /** The connection is of no use. */
  reset(why: string): void {
    this.down('silent', why)
    this.#backplane.reset()
  }

  failed(error: unknown): void {
    this.#observer.failed(error)
  }

  ownerOf(user: string): string {
    return this.#channels.ownerOf(user)
  }

  unlink(link: RoomLink): void {
    this.#backplane.unsubscribe(link.channel)
    this.#links.delete(link.channel)
  }

  /** Another node counts the room from now on, or no longer does. */
  countElsewhere({ kind }: Room, rooms: 1 | -1): void {
    this.#countedElsewhere.set(kind.name, (this.#countedElsewhere.get(kind.name) ?? 0) + rooms)
  }

  #receive(channel: string, { node, message }: Envelope, now: number): void {
    if (this.#isGone(node, message)) return
    if (message.kind === 'bye') {
      if (this.#peers.has(node)) this.drop(node, 'left', now)
      return
    }
    const isNew = !this.#peers.has(node)
    const peer = this.#peers.heardFrom(node, now)
    if (!peer) return
    if (isNew) this.#observer.nodeCame(this.#peers.size + 1)
    // So that it knows this node too.
    if (isNew) this.#liveness.beat(now)
    switch (message.kind) {
      case 'beat':
        // The backplane has lost something, and perhaps more than that.
        if (peer.beat(message)) for (const link of this.#links.values()) link.doubt(node)
        break
      case 'dropped':
        this.#liveness.fence(now)
        break
      case 'sync':
      case 'need':
      case 'absent':
        this.#passDirect(node, message)
        break
      default:
        this.#pass(channel, peer, message)
    }
  }

  /**
   * A message to all hosts of a room. A room that was closed here has no link, so what still comes for it is dropped.
   * That is so for an evicted room, too: its members here are disconnected a moment later, and get nothing more.
   */
  #pass(channel: string, { id, order }: Peer, message: Message): void {
    const link = this.#links.get(channel)
    // A client there may have turned from one room to another, with members here that are in both.
    if (message.kind === 'batch' && link) order.turnTo(link.room)
    link?.receive(id, message)
  }

  /** Whether a node counts as gone. If it was given up and is there all the same, it is told. */
  #isGone(node: string, { kind }: Message): boolean {
    const departed = this.#peers.departed(node)
    if (departed === 'silent' && kind === 'beat') this.sendTo(node, { kind: 'dropped' })
    return departed !== undefined
  }

  /** A message about a room, to this node alone. */
  #passDirect(node: string, message: Extract<Message, { room: string }>): void {
    const link = this.#links.get(this.#channels.room(message.room))
    if (link) link.receive(node, message)
    else if (message.kind === 'need') this.sendTo(node, { kind: 'absent', room: message.room, seq: this.numbers.last })
  }

  sendBeat(count: number): void {
    const speaks = this.#options.speaks ?? NEWEST
    void this.publish(this.#channels.control, { kind: 'beat', count, speaks, totals: this.#totals() })
  }

  beatsLost(): void {
    for (const link of this.#links.values()) if (link.shared) link.refresh()
  }

  sweep(now: number): void {
    this.#peers.sweep(now)
    this.ages.sweep(now)
  }

  drop(node: string, how: Departure, now: number): void {
    if (this.#peers.markGone(node, now, how)) this.#observer.nodeLeft(this.#peers.size + 1, how)
    for (const link of this.#links.values()) link.drop(node)
  }

  /**
   * The others count the members here as gone, or are about to. The rooms are closed whose members they know, so that
   * no member is seen again after it was seen to leave. Then this node goes on as a new one, over a new connection, on
   * which no old message arrives.
   */
  fence(awake: number, now: number): void {
    const exposed = [...this.#links.values()].filter((link) => link.exposed(awake))
    if (exposed.length === 0 && !this.connected) return
    for (const link of exposed) link.evict(Math.random() * EVICTION)
    if (exposed.length > 0) {
      this.counters.fences++
      this.#observer.fenced(exposed.length)
    }
    this.#backplane.unsubscribe(this.#channels.inbox(this.id))
    this.#former.push(this.id)
    this.#peers.markGone(this.id, now, 'left')
    this.#peers.clear()
    this.id = newId()
    void this.subscribe(this.#channels.inbox(this.id))
    if (this.connected) this.reset('out of touch for too long')
  }

  /** Nodes that still know it by a former id are to drop that now. */
  #sayBye(): void {
    for (const id of this.#former.splice(0)) void this.#publish(this.#channels.control, id, { kind: 'bye' })
  }

  async #publish(channel: string, node: string, message: Message): Promise<number | undefined> {
    if (!this.connected) return undefined
    const early = this.now() - this.#arrived < 2 * BEAT + SWEEP
    const version = early || first.has(message.kind) ? OLDEST : this.#peers.version
    const frame = this.#wire.encode(channel, { version, node, message })
    this.counters.framesSent++
    this.counters.bytesSent += frame.length
    try {
      return await this.#backplane.publish(channel, frame)
    } catch (error) {
      this.failed(error)
      return undefined
    }
  }

  #totals(): Totals {
    return this.#options.totals(this.#countedElsewhere)
  }
}

/** Messages that are sent to nodes whose versions are not known yet. */
const first = new Set<Message['kind']>(['beat', 'bye', 'dropped'])

function newId(): string {
  return randomBytes(8).toString('hex')
}
