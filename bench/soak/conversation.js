/** A conversation that goes on through everything, in all dialects, and counts every message. */
import { setTimeout as sleep } from 'node:timers/promises'
import { gather } from '../crowd.js'
import { dialects, SENDER_DIGITS, SEQUENCE_DIGITS } from '../dialects.js'
import { encodeFrame, Opcode, patchDigits } from '../frames.js'
import { Histogram } from '../histogram.js'

export const DIALECTS = ['impossible-writer', 'pluresdb', 'y-webrtc', 'opaque']
/** Of each dialect. */
export const ROOMS = 3
const MEMBERS = 4
const BYTES = 200
/** Between two messages of a member, in milliseconds. */
const INTERVAL = 200
/** How long the last messages may take to arrive, in milliseconds. */
const PATIENCE = 10_000
/** Messages of one member that may be under way. */
const RING = 1024

const now = () => performance.now() * 1000

/** The rooms of one dialect: every member hears every other, and in `y-webrtc` itself. */
class Rooms {
  static async open(port, dialect, listener) {
    const rooms = new Rooms(dialect, listener)
    const job = { port, dialect, rooms: ROOMS, members: MEMBERS }
    rooms.clients = await gather(job, ({ member }, sender, sequence) => rooms.#receive(member, sender, sequence))
    return rooms
  }

  clients = []
  sent = 0
  received = 0
  #listener
  #receivers
  #frames
  #stamp
  #sequences = new Int32Array(ROOMS * MEMBERS)
  #expected = new Int32Array(ROOMS * MEMBERS * MEMBERS)
  #times = new Float64Array(ROOMS * MEMBERS * RING)

  constructor(name, listener) {
    const { binary, echo, message } = dialects[name]
    this.#listener = listener
    this.#receivers = MEMBERS - (echo ? 0 : 1)
    this.#stamp = message(0, BYTES).indexOf('~') + 1
    this.#frames = Array.from({ length: ROOMS }, (_, room) =>
      encodeFrame(binary ? Opcode.binary : Opcode.text, Buffer.from(message(room, BYTES))),
    )
  }

  get missing() {
    return this.sent * this.#receivers - this.received
  }

  send(sender) {
    const { frame, start } = this.#frames[Math.floor(sender / MEMBERS)]
    const copy = Buffer.from(frame)
    const sequence = this.#sequences[sender]++
    patchDigits(copy, start, this.#stamp, SENDER_DIGITS, sender)
    patchDigits(copy, start, this.#stamp + SENDER_DIGITS, SEQUENCE_DIGITS, sequence)
    this.#times[sender * RING + (sequence % RING)] = now()
    this.sent++
    this.clients[sender].send(copy)
  }

  #receive(member, sender, sequence) {
    const [room, place] = [Math.floor(sender / MEMBERS), member * MEMBERS + (sender % MEMBERS)]
    // A message of another room, one that came before, or one that was overtaken.
    if (room !== Math.floor(member / MEMBERS) || sequence < this.#expected[place]) {
      this.#listener.disordered()
      return
    }
    this.#listener.skipped(sequence - this.#expected[place])
    this.#expected[place] = sequence + 1
    this.received++
    this.#listener.took(now() - this.#times[sender * RING + (sequence % RING)])
  }
}

export class Conversation {
  static async open(port) {
    const conversation = new Conversation()
    conversation.#parts = await Promise.all(DIALECTS.map((name) => Rooms.open(port, name, conversation.#listener)))
    conversation.#start()
    return conversation
  }

  disordered = 0
  /** Messages that were overtaken by later ones, so far; those that never come are told by {@link end}. */
  skipped = 0
  #latencies = new Histogram()
  #parts = []
  #timer

  #listener = {
    disordered: () => this.disordered++,
    skipped: (count) => {
      this.skipped += count
    },
    took: (microseconds) => this.#latencies.record(microseconds),
  }

  #sum(read) {
    return this.#parts.reduce((sum, part) => sum + read(part), 0)
  }

  get connections() {
    return this.#sum(({ clients }) => clients.length)
  }

  get rooms() {
    return this.#parts.length * ROOMS
  }

  get sent() {
    return this.#sum(({ sent }) => sent)
  }

  get received() {
    return this.#sum(({ received }) => received)
  }

  /** The 99th percentile of the latencies since it was asked last, in milliseconds. */
  takeP99() {
    const p99 = this.#latencies.quantile(0.99)
    this.#latencies = new Histogram()
    return p99
  }

  /** All members in turn, evenly over the interval. */
  #start() {
    const start = performance.now()
    let next = 0
    this.#timer = setInterval(() => {
      const due = ((performance.now() - start) / INTERVAL) * this.connections
      for (; next < due; next++) {
        const part = this.#parts[next % this.#parts.length]
        part.send(Math.floor(next / this.#parts.length) % part.clients.length)
      }
    }, 4)
  }

  /** Ends it. Resolves with how many deliveries never came, and how many connections had broken. */
  async end() {
    clearInterval(this.#timer)
    const missing = () => this.#sum((part) => part.missing)
    const deadline = performance.now() + PATIENCE
    while (missing() > 0 && performance.now() < deadline) await sleep(20)
    const broken = this.#sum(({ clients }) => clients.filter(({ closed }) => closed).length)
    for (const { clients } of this.#parts) for (const client of clients) client.leave()
    return { missing: missing(), broken }
  }
}
