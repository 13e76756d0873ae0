import { createHash, createHmac, randomBytes } from 'node:crypto'
import { AgeClock } from '../core/clocks.js'
import type { Cluster } from '../core/cluster.js'
import { Deadlines } from '../core/deadlines.js'
import type { Room } from '../core/room.js'
import type { Rooms } from '../core/rooms.js'
import type { Backplane, BackplaneEvents, Outage } from './backplane.js'
import { ClusterCounters } from './counters.js'
import { RoomLink } from './link.js'
import type { Message, Totals } from './messages.js'
import type { ClusterObserver, ClusterState } from './observer.js'
import { type Peer, Peers } from './peers.js'
import { RoomAges } from './room-ages.js'
import { SelfHeartbeat } from './self-heartbeat.js'
import { BEAT, ECHO_TIMEOUT, EVICTION, FENCE_TIMEOUT, SWEEP } from './timing.js'
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
  /** What this node says of itself. Rooms and topics are those that are open here. */
  totals(): Totals
  /** The newest version of the frames that it speaks; another one than this code's only in a test. */
  readonly speaks?: number
}

/** This node among the others: tells that it lives, hears who does, and ties its rooms to theirs. */
export class ClusterNode implements Cluster, BackplaneEvents {
  /** New at each start, and whenever the others have given it up. */
  id = newId()
  readonly counters = new ClusterCounters()
  readonly alarms = new Deadlines<RoomLink>((link) => link.tick())

  readonly #clock = new AgeClock()
  readonly #backplane: Backplane
  readonly #options: NodeOptions
  readonly #observer: ClusterObserver
  readonly #wire: WireCodec
  readonly #control: string
  readonly #links = new Map<string, RoomLink>()
  readonly #peers: Peers
  readonly ages: RoomAges
  /** Rooms, and topics among them, that are counted by other nodes. */
  #yieldedRooms = 0
  #yieldedTopics = 0
  /** The highest number that any closed room had. */
  #lastNumber = 0
  #sweeps: NodeJS.Timeout | undefined
  /** Why the bus cannot be reached; undefined if it can. */
  #outage: Outage | undefined = 'silent'
  #since = 0
  /** Whether the log knows of the outage. */
  #told = false
  readonly #heartbeat = new SelfHeartbeat()
  /** When the clocks were last looked at. */
  #swept = 0
  /** When it came, or came back: for a while it does not know who is there. */
  #arrived = 0
  /** Ids under which the others may still know it. */
  readonly #former: string[] = []
  #started: (() => void) | undefined

  constructor(backplane: Backplane, options: NodeOptions, observer: ClusterObserver) {
    this.#backplane = backplane
    this.#options = options
    this.#observer = observer
    this.#control = `${options.name}:ctl`
    this.ages = new RoomAges(options.roomExpiry)
    this.#wire = new WireCodec(options.secret, options.speaks)
    this.#peers = new Peers(options.speaks ?? NEWEST)
  }

  /** Resolves when the bus is there, or is known not to be. */
  async start(): Promise<void> {
    this.#swept = this.#since = this.now()
    this.#heartbeat.restart(this.#since)
    const started = new Promise<void>((resolve) => {
      this.#started = resolve
    })
    this.#sweeps = setInterval(() => this.#sweep(), SWEEP).unref()
    this.#backplane.start(this)
    void this.subscribe(this.#control)
    void this.subscribe(this.#inbox(this.id))
    await started
  }

  /** Takes leave of the others. */
  async stop(): Promise<void> {
    clearInterval(this.#sweeps)
    this.alarms.clear()
    if (this.connected) void this.publish(this.#control, { kind: 'bye' })
    await this.#backplane.stop()
    // Should it start again: nobody listens to who has taken leave.
    this.id = newId()
  }

  /** Whether the bus can be reached. */
  get connected(): boolean {
    return this.#outage === undefined
  }

  /** Why this node is not in touch with the others; undefined if it is. */
  get healthIssue(): string | undefined {
    return this.#outage && `The other nodes cannot be reached: the bus ${OUTAGES[this.#outage]}.`
  }

  /** The nodes together, as of their last beats. */
  get state(): ClusterState {
    const state = { nodes: this.#peers.size + 1, ...this.#totals() }
    for (const { totals } of this.#peers) {
      state.connections += totals.connections
      state.rooms += totals.rooms
      state.topics += totals.topics
      state.peers += totals.peers
    }
    return state
  }

  /** Milliseconds of a clock that only goes forward, and not slower than those of the others while this machine sleeps. */
  now(): number {
    return this.#clock.now()
  }

  link(room: Room, rooms: Rooms): RoomLink {
    const key = this.#keyOf(room)
    const channel = `${this.#options.name}:r:${key}`
    const link = new RoomLink(this, room, rooms, key, channel)
    this.#links.set(channel, link)
    return link
  }

  wake(now = this.now()): void {
    if (!this.#heartbeat.lost(now)) return
    // While the bus is down for all, nobody is given up; but whoever slept cannot know.
    if (this.#outage === 'refused' && now - this.#swept < FENCE_TIMEOUT) return
    this.#fence(now)
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
    else if (envelope.message.kind === 'beat') this.#receiveEcho(envelope.message.count, now)
  }

  up(): void {
    const now = this.now()
    this.wake(now)
    if (this.#told) this.#observer.restored(now - this.#since)
    this.#outage = undefined
    this.#told = false
    this.#arrived = now
    this.#heartbeat.restart(now)
    this.#peers.refresh(now)
    this.#takeLeave()
    this.#beat(now)
    for (const link of this.#links.values()) link.restored()
    this.#started?.()
  }

  down(outage: Outage, why: string): void {
    if (this.connected) {
      this.#since = this.now()
      this.counters.outages++
    }
    this.#outage = outage
    this.#started?.()
    if (this.#told) return
    this.#told = true
    this.#observer.cutOff(why)
  }

  /** Publishes to all who listen on a channel. */
  publish(channel: string, message: Message): Promise<number | undefined> {
    return this.#publish(channel, this.id, message)
  }

  /** Tells one node. */
  sendTo(node: string, message: Message): void {
    void this.publish(this.#inbox(node), message)
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

  /** A number for a room that is opened, above all that it had before. */
  nextNumber(): number {
    this.#lastNumber = Math.max(this.#lastNumber + 1, Date.now() * 1000)
    return this.#lastNumber
  }

  /** A room is closed whose last number this was. */
  retire(number: number): void {
    this.#lastNumber = Math.max(this.#lastNumber, number)
  }

  /** A hash that stands for a user. It is no room's: no dialect's name begins with a colon. */
  ownerOf(user: string): string {
    return this.#hash(`:user/${user}`)
  }

  unlink(link: RoomLink): void {
    this.#backplane.unsubscribe(link.channel)
    this.#links.delete(link.channel)
  }

  /** Another node counts the room from now on, or no longer does. */
  yielded({ kind }: Room, rooms: 1 | -1): void {
    this.#yieldedRooms += rooms
    if (kind.name === 'pluresdb') this.#yieldedTopics += rooms
  }

  #receive(channel: string, { node, message }: Envelope, now: number): void {
    if (this.#isGone(node, message)) return
    if (message.kind === 'bye') {
      if (this.#peers.has(node)) this.#drop(node, 'left', now)
      return
    }
    const isNew = !this.#peers.has(node)
    const peer = this.#peers.heardFrom(node, now)
    if (!peer) return
    if (isNew) this.#observer.nodeCame(this.#peers.size + 1)
    // So that it knows this one, too.
    if (isNew) this.#beat(now)
    switch (message.kind) {
      case 'beat':
        // The bus has lost something, and perhaps not that alone.
        if (peer.beat(message)) for (const link of this.#links.values()) link.doubt(node)
        break
      case 'dropped':
        this.#fence(now)
        break
      case 'sync':
      case 'need':
      case 'absent':
        this.#hearOf(node, message)
        break
      default:
        this.#pass(channel, peer, message)
    }
  }

  /** Passes what a node says of a room on to the room. */
  #pass(channel: string, { id, order }: Peer, message: Message): void {
    const link = this.#links.get(channel)
    // A client there may have turned from one room to another, with members here that are in both.
    if (message.kind === 'batch' && link) order.turnTo(link.room)
    link?.receive(id, message)
  }

  /** Whether a node is known to be gone. If it does not know itself, it is told. */
  #isGone(node: string, { kind }: Message): boolean {
    const grave = this.#peers.departed(node)
    if (grave === 'untold' && kind === 'beat') this.sendTo(node, { kind: 'dropped' })
    return grave !== undefined
  }

  /** A node says something of a room to this one alone. */
  #hearOf(node: string, message: Extract<Message, { room: string }>): void {
    const link = this.#links.get(`${this.#options.name}:r:${message.room}`)
    if (link) link.receive(node, message)
    else if (message.kind === 'need') this.sendTo(node, { kind: 'absent', room: message.room, s: this.#lastNumber })
  }

  /** Its own beat came back. */
  #receiveEcho(count: number, now: number): void {
    const echo = this.#heartbeat.echo(count, now)
    if (!echo) return
    if (echo.after > ECHO_TIMEOUT) this.#peers.refresh(now)
    if (echo.missed) for (const link of this.#links.values()) if (link.shared) link.refresh()
  }

  #sweep(): void {
    const now = this.now()
    this.wake(now)
    this.#swept = now
    this.#peers.sweep(now)
    this.ages.sweep(now)
    if (!this.connected) return
    if (this.#heartbeat.deaf(now)) {
      this.reset('nothing comes back')
      return
    }
    if (this.#heartbeat.due(now, this.#peers.size)) this.#beat(now)
    // Whoever does not hear itself cannot say that others are silent.
    if (this.#heartbeat.faint(now)) return
    for (const { id } of this.#peers.silent(now)) this.#drop(id, 'silent', now)
  }

  #beat(now: number): void {
    const speaks = this.#options.speaks ?? NEWEST
    void this.publish(this.#control, { kind: 'beat', count: this.#heartbeat.beat(now), speaks, totals: this.#totals() })
  }

  #drop(node: string, how: 'left' | 'silent', now: number): void {
    if (this.#peers.markGone(node, now, how === 'left')) this.#observer.nodeLeft(this.#peers.size + 1, how)
    for (const link of this.#links.values()) link.drop(node)
  }

  /**
   * The others count the members here as gone, or are about to: lets go of those whom they know, so that
   * nobody comes back whom others have seen leave, and goes on as a new node, over a new connection, on
   * which nothing arrives that is old.
   */
  #fence(now: number): void {
    // As of when it was last awake: answers that came since then are lost with the connection.
    const exposed = [...this.#links.values()].filter((link) => link.exposed(this.#swept))
    this.#swept = now
    this.#heartbeat.restart(now)
    if (exposed.length === 0 && !this.connected) return
    for (const link of exposed) link.evict(Math.random() * EVICTION)
    if (exposed.length > 0) {
      this.counters.fences++
      this.#observer.fenced(exposed.length)
    }
    this.#backplane.unsubscribe(this.#inbox(this.id))
    this.#former.push(this.id)
    this.#peers.markGone(this.id, now, true)
    this.#peers.clear()
    this.id = newId()
    void this.subscribe(this.#inbox(this.id))
    if (this.connected) this.reset('out of touch for too long')
  }

  /** Whoever still knows it by a former id is to drop that now. */
  #takeLeave(): void {
    for (const id of this.#former.splice(0)) void this.#publish(this.#control, id, { kind: 'bye' })
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
    const { connections, rooms, topics, peers } = this.#options.totals()
    return { connections, rooms: rooms - this.#yieldedRooms, topics: topics - this.#yieldedTopics, peers }
  }

  #inbox(node: string): string {
    return `${this.#options.name}:n:${node}`
  }

  /** Room names are the secrets that let people in: the bus sees their hashes. */
  #keyOf({ kind, name }: Room): string {
    return this.#hash(`${kind.name}/${name}`)
  }

  #hash(text: string): string {
    const { secret } = this.#options
    const hash = secret === '' ? createHash('sha256') : createHmac('sha256', secret)
    // In UTF-16 names differ in which UTF-8 would make one of them.
    return hash.update(text, 'utf16le').digest('hex').slice(0, KEY_DIGITS)
  }
}

const OUTAGES = { silent: 'does not answer', refused: 'is down', denied: 'does not let this node in' } as const

/** What nodes say before they know which versions the others speak. */
const first = new Set<Message['kind']>(['beat', 'bye', 'dropped'])

/** 16 bytes. */
const KEY_DIGITS = 32

function newId(): string {
  return randomBytes(8).toString('hex')
}
