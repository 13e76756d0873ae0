/** What a relay says of itself, read from its /metrics. */
import { setTimeout as sleep } from 'node:timers/promises'

const COLLECTIONS = 3

export class Watch {
  #relay
  #start = performance.now()

  /** @param relay `{ port, pid }`; the process collects garbage at SIGUSR2. */
  constructor(relay) {
    this.#relay = relay
  }

  /** Seconds since the start. */
  get time() {
    return (performance.now() - this.#start) / 1000
  }

  /** The state now. Lags are those since it was asked last. */
  async read() {
    const values = await this.#scrape()
    const get = (name) => values.get(name) ?? Number.NaN
    const sum = (name) =>
      [...values].reduce((total, [key, value]) => total + (key.startsWith(`${name}{`) ? value : 0), 0)
    return {
      time: this.time,
      resident: get('process_resident_memory_bytes'),
      heap: get('nodejs_heap_size_used_bytes') + get('nodejs_external_memory_bytes'),
      lagMax: get('nodejs_eventloop_lag_max_seconds') * 1000,
      lagP99: get('nodejs_eventloop_lag_p99_seconds') * 1000,
      cpu: get('process_cpu_seconds_total'),
      connections: get('baton_connections'),
      rooms: sum('baton_rooms'),
      opened: get('baton_connections_opened_total'),
      received: get('baton_messages_received_total'),
      deliveries: get('baton_deliveries_total'),
      faults: get('baton_faults_total'),
      limits: labelled(values, 'baton_limits_hit_total'),
      closes: labelled(values, 'baton_connections_closed_total'),
      refused: labelled(values, 'baton_messages_refused_total'),
    }
  }

  /** The state after the garbage is collected, which it waits for to no effect on the lags. */
  async readCollected() {
    for (let count = 0; count < COLLECTIONS; count++) {
      process.kill(this.#relay.pid, 'SIGUSR2')
      await sleep(300)
    }
    return await this.read()
  }

  /** Waits until so many connections are left, for so many milliseconds at most. Returns whether they are. */
  async settle(connections, rooms, patience) {
    const deadline = performance.now() + patience
    for (;;) {
      const state = await this.read()
      if (state.connections === connections && state.rooms === rooms) return true
      if (performance.now() > deadline) return false
      await sleep(200)
    }
  }

  async #scrape() {
    const text = await (await fetch(`http://127.0.0.1:${this.#relay.port}/metrics`)).text()
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    )
  }
}

/** A metric by the values of its label, those that are not 0. */
function labelled(values, name) {
  return Object.fromEntries(
    [...values]
      .filter(([key, value]) => key.startsWith(`${name}{`) && value > 0)
      .map(([key, value]) => [/="(.*)"/.exec(key)[1], value]),
  )
}
