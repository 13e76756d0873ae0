/** What was seen during a soak, and what to make of it. */
import { markdownTable, writeImage, writeSection } from '../page.js'
import { format } from '../report.js'
import { timeline } from './timeline.js'

/** By how much memory may grow, in kB a minute: the slope through the calm points of the second half. */
const MAX_GROWTH = 100

/** What has to happen to the crowd, or nothing was tried. */
const LIMITS = [
  'rate',
  'flood',
  'throttle',
  'readers',
  'backlog',
  'heartbeat',
  'join-timeout',
  'handshake-timeout',
  'message-size',
  'bad-request',
]

const MB = 1e6
const COLUMNS = {
  minute: ({ time }) => (time / 60).toFixed(1),
  'resident MB': ({ resident }) => (resident / MB).toFixed(1),
  'heap MB': ({ heap }) => (heap / MB).toFixed(1),
  'lag p99 ms': ({ lagP99 }) => lagP99.toFixed(1),
  'lag max ms': ({ lagMax }) => lagMax.toFixed(1),
  connections: ({ connections }) => String(connections),
  rooms: ({ rooms }) => String(rooms),
  'conversation p99 ms': ({ p99 }) => p99.toFixed(1),
  lost: ({ lost }) => String(lost),
}

const whole = (count) => count.toLocaleString('en-US')

/** The slope of a line through points, by least squares. */
function slope(points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map(([time]) => time)), mean(points.map(([, value]) => value))]
  const [above, below] = [
    points.reduce((sum, [time, value]) => sum + (time - x) * (value - y), 0),
    points.reduce((sum, [time]) => sum + (time - x) ** 2, 0),
  ]
  return above / below
}

export class Record {
  #minutes
  #empty
  #samples = []
  #calms = []
  #counts = {}
  #checks = []
  #last

  /** @param empty The state before anybody came. */
  constructor(minutes, empty) {
    this.#minutes = minutes
    this.#empty = empty
    console.log(line(Object.keys(COLUMNS)))
  }

  /** While the crowd is there. */
  sample(state, conversation) {
    const sample = { ...state, p99: conversation.takeP99(), lost: conversation.skipped }
    this.#samples.push(sample)
    console.log(line(Object.values(COLUMNS).map((read) => read(sample))))
  }

  /** After a round, garbage collected: only the conversation is there, or should be. */
  calm(state, calm, counts) {
    this.#calms.push({ ...state, calm })
    this.#counts = counts
    const left = calm ? '' : `; LEFT: ${state.connections} connections, ${state.rooms} rooms`
    console.log(`  round over, collected: heap ${format(state.heap / MB)} MB${left}`)
  }

  /** After everybody has gone. */
  end(state, gone, { missing, broken }, { sent, received, disordered }) {
    this.#last = state
    const late = this.#calms.slice(this.#calms.length >> 1)
    const growth = late.length < 2 ? 0 : (slope(late.map(({ time, heap }) => [time, heap])) * 60) / 1000
    const untried = LIMITS.filter((limit) => !state.limits[limit])
    const left = this.#calms.filter(({ calm }) => !calm).length
    this.#checks = [
      [
        missing + disordered === 0,
        `lost or disordered: ${missing + disordered} of ${whole(received + missing)} deliveries (${whole(sent)} messages)`,
      ],
      [broken === 0, `connections of the conversation that broke: ${broken}`],
      [
        growth <= MAX_GROWTH,
        `memory in use after collection, second half: ${format(growth)} kB a minute (at most ${MAX_GROWTH})`,
      ],
      [left === 0, `rounds after which connections or rooms were left: ${left} of ${this.#calms.length}`],
      [gone, `at the end: ${state.connections} connections, ${state.rooms} rooms`],
      [state.faults === 0, `faults in the relay: ${state.faults}`],
      [untried.length === 0, `limits that nobody hit: ${untried.join(', ') || 'none'}`],
    ]
  }

  get passed() {
    return this.#checks.every(([met]) => met)
  }

  /** What the crowd did, and what the relay made of it. */
  #facts() {
    const { opened, received, deliveries, limits, closes, refused, heap, cpu, time } = this.#last
    const list = (counts) =>
      Object.entries(counts)
        .map(([name, count]) => `${name} ${whole(count)}`)
        .join(', ')
    const lags = this.#samples.map(({ lagMax }) => lagMax).sort((a, b) => a - b)
    return [
      ['connections opened', whole(opened)],
      ['messages received, and deliveries', `${whole(received)} and ${whole(deliveries)}`],
      ['CPU of the relay', `${format(cpu)} of ${format(time)} s`],
      ['turns of the crowd', list(this.#counts)],
      ['limits hit', list(limits)],
      ['closes by code', list(closes)],
      ['messages refused', list(refused)],
      [
        'event-loop lag: highest in a sample, median and most',
        `${format(lags[lags.length >> 1])}, ${format(lags.at(-1))} ms`,
      ],
      [
        'memory in use: before anybody came, after everybody left',
        `${format(this.#empty.heap / MB)}, ${format(heap / MB)} MB`,
      ],
    ]
  }

  report() {
    const facts = this.#facts().map(([name, value]) => `${name}: ${value}`)
    const checks = this.#checks.map(([met, text]) => `${met ? 'met   ' : 'MISSED'}  ${text}`)
    return `\n${facts.join('\n')}\n\n${checks.join('\n')}\n`
  }

  /** Puts it into docs/operations.md. */
  write(machine) {
    writeImage('soak.svg', this.#draw())
    const text = [
      `${this.#minutes} minutes on ${new Date().toISOString().slice(0, 10)}:`,
      markdownTable([['what', 'which'], ...Object.entries(machine)]),
      '![Memory, event-loop lag and lost messages over time](images/soak.svg)',
      markdownTable([['check', 'verdict'], ...this.#checks.map(([met, what]) => [what, met ? 'met' : '**missed**'])]),
      markdownTable([['what', 'how much'], ...this.#facts()]),
    ]
    writeSection('operations.md', 'soak', `${text.join('\n\n')}\n`)
  }

  #draw() {
    const points = (read, list = this.#samples) => list.map((sample) => [sample.time, read(sample)])
    const seconds = this.#last.time
    return timeline(`A relay among unruly clients for ${this.#minutes} minutes`, seconds, [
      {
        title: 'memory, MB',
        lines: [
          { title: 'resident', points: points(({ resident }) => resident / MB) },
          {
            title: 'in use, after a round and collection',
            points: points(({ heap }) => heap / MB, this.#calms),
            marks: true,
          },
          { title: 'in use', points: points(({ heap }) => heap / MB) },
        ],
      },
      {
        title: 'event-loop lag, ms',
        lines: [
          { title: 'p99', points: points(({ lagP99 }) => lagP99) },
          { title: 'highest', points: points(({ lagMax }) => lagMax) },
        ],
      },
      {
        title: 'messages of the conversation that were lost',
        lines: [{ title: 'lost', points: points(({ lost }) => lost) }],
      },
    ])
  }
}

function line(cells) {
  const widths = Object.keys(COLUMNS).map((name) => name.length)
  return cells.map((cell, index) => cell.padStart(widths[index])).join('  ')
}
