/** Messages in rooms: sends them, and holds every receiver to what it must get, in order, once. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CpuWatch } from './cpu.js'
import { gather } from './crowd.js'
import { dialects, SENDER_DIGITS, SEQUENCE_DIGITS } from './dialects.js'
import { encodeFrame, Opcode, patchDigits } from './frames.js'
import { Histogram } from './histogram.js'

/** How long the last messages may take to arrive, in milliseconds. */
const PATIENCE = 10_000

const now = () => performance.now() * 1000

/** What has been sent and what has arrived. Times are in microseconds. */
class Ledger {
  deliveries = 0
  received = 0
  disordered = 0
  latencies = new Histogram()
  /** Latencies count for messages that were due in this span. */
  from = Number.POSITIVE_INFINITY
  to = Number.POSITIVE_INFINITY

  #job
  #ring
  #receivers
  #sent
  #due
  #waiting
  #expected
  #onComplete

  constructor(job, receivers, inFlight, onComplete) {
    const senders = job.rooms * job.senders
    this.#job = job
    this.#ring = 2 ** Math.ceil(Math.log2(inFlight))
    this.#receivers = receivers
    this.#sent = new Int32Array(senders)
    this.#due = new Float64Array(senders * this.#ring)
    this.#waiting = new Int32Array(senders * this.#ring)
    this.#expected = new Int32Array(job.rooms * job.members * job.senders)
    this.#onComplete = onComplete
  }

  #slot(sender, sequence) {
    return sender * this.#ring + (sequence & (this.#ring - 1))
  }

  /** Notes a message that is due to be sent. Returns its number. */
  send(sender, due) {
    const sequence = this.#sent[sender]++
    const slot = this.#slot(sender, sequence)
    this.#due[slot] = due
    this.#waiting[slot] = this.#receivers
    return sequence
  }

  /** Notes a message that a member got. */
  receive(member, sender, sequence) {
    const { members, senders } = this.#job
    const local = sender - Math.floor(member / members) * senders
    const place = member * senders + local
    // A message of another room, one that came before, or one that was overtaken: none is a delivery.
    if (local < 0 || local >= senders || sequence < this.#expected[place]) {
      this.disordered++
      return
    }
    this.#expected[place] = sequence + 1
    this.received++
    this.deliveries++
    const slot = this.#slot(sender, sequence)
    const due = this.#due[slot]
    if (due >= this.from && due < this.to) this.latencies.record(now() - due)
    if (--this.#waiting[slot] === 0) this.#onComplete(sender)
  }

  /** Deliveries that are still to come. */
  get missing() {
    return this.#sent.reduce((sum, count) => sum + count, 0) * this.#receivers - this.received
  }
}

/** Each sender keeps `window` messages on the way: the next goes out when one has reached everybody. */
function closedLoop({ window }, senders, send) {
  for (let round = 0; round < window; round++) {
    for (let sender = 0; sender < senders; sender++) send(sender, now())
  }
  return { stop() {}, onComplete: (sender) => send(sender, now()), lateness: undefined }
}

/** Each sender has its own beat, and a message is due on it whether the server keeps up or not. */
function openLoop({ interval }, senders, send) {
  const microseconds = interval * 1000
  // The same scattered beats in every run.
  const beats = Array.from({ length: senders }, (_, sender) => ({ sender, phase: (sender * 0.618_034) % 1 }))
  beats.sort((a, b) => a.phase - b.phase)
  const start = now()
  const lateness = new Histogram()
  let next = 0
  let running = true
  const tick = () => {
    const time = now()
    for (;;) {
      const { sender, phase } = beats[next % senders]
      const due = start + (Math.floor(next / senders) + phase) * microseconds
      if (due > time) break
      next++
      lateness.record(time - due)
      send(sender, due)
    }
    // Not a timer: it would be up to a millisecond late, which the server would seem to be.
    if (running) setImmediate(tick)
  }
  tick()
  return {
    stop() {
      running = false
    },
    onComplete() {},
    lateness,
  }
}

/** Runs the load of a job and returns its figures. */
export async function load(job) {
  const { dialect, binary, echo } = { echo: false, binary: false, ...dialects[job.dialect], dialect: job.dialect }
  const stalled = job.stalled ? 1 : 0
  const receivers = job.members - (echo ? 0 : 1) - stalled
  const senderCount = job.rooms * job.senders
  let sending = true
  let loop
  const ledger = new Ledger(job, receivers, job.window ?? 1024, (sender) => {
    if (sending) loop.onComplete(sender)
  })
  const clients = await gather(job, ({ member }, sender, sequence) => ledger.receive(member, sender, sequence))
  if (stalled) clients.at(-1).stall()

  const frames = Array.from({ length: job.rooms }, (_, room) =>
    encodeFrame(binary ? Opcode.binary : Opcode.text, Buffer.from(dialects[dialect].message(room, job.bytes))),
  )
  const stamp = dialects[dialect].message(0, job.bytes).indexOf('~') + 1
  const send = (sender, due) => {
    const room = Math.floor(sender / job.senders)
    const { frame, start } = frames[room]
    // A copy, since a socket that is full keeps it for later.
    const copy = Buffer.from(frame)
    patchDigits(copy, start, stamp, SENDER_DIGITS, sender)
    patchDigits(copy, start, stamp + SENDER_DIGITS, SEQUENCE_DIGITS, ledger.send(sender, due))
    clients[room * job.members + (sender % job.senders)].send(copy)
  }

  loop = job.interval ? openLoop(job, senderCount, send) : closedLoop(job, senderCount, send)
  await sleep(job.warmup)
  const watch = new CpuWatch(job.pid, job.broker)
  ledger.deliveries = 0
  ledger.from = now()
  await sleep(job.duration)
  ledger.to = now()
  const { deliveries } = ledger
  const { cpu, broker, seconds, shares } = watch.read()
  const messages = deliveries / receivers
  sending = false
  loop.stop()
  const deadline = performance.now() + PATIENCE
  while (ledger.missing > 0 && performance.now() < deadline) await sleep(20)

  return {
    rate: deliveries / seconds,
    cpu: (cpu / deliveries) * 1e6,
    messages: messages / seconds,
    perMessage: (cpu / messages) * 1e6,
    broker: (broker / messages) * 1e6,
    megabytes: (deliveries * job.bytes) / seconds / 1e6,
    p50: ledger.latencies.quantile(0.5),
    p99: ledger.latencies.quantile(0.99),
    p999: ledger.latencies.quantile(0.999),
    lost: ledger.missing,
    disordered: ledger.disordered,
    ...shares,
    // A worker that keeps its own beat is always busy; what matters is whether it was late.
    ...(loop.lateness ? { lateness: loop.lateness.quantile(0.99) } : {}),
    closed: clients.filter((client) => client.closed).length,
  }
}
