import { randomBytes } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Backplane, BackplaneEvents, Outage } from '../../src/cluster/backplane.js'

/** An implementation of the interface, and what can be done to it. */
export interface Bus {
  /** Another node's connection to the same bus, not started yet. */
  connect(): Backplane
  /** Whether it tells how many heard a frame. */
  readonly counts: boolean
  /** The end of the bus, and its return; absent where it lives as long as the process. */
  readonly outage?: { begin(): Promise<void>; end(): Promise<void> }
}

/** A node's end of the bus: keeps what it hears. */
export class Line implements BackplaneEvents {
  readonly backplane: Backplane
  readonly heard: { channel: string; frame: Buffer }[] = []
  readonly outages: Outage[] = []
  ups = 0
  readonly #wake: (() => void)[] = []

  constructor(backplane: Backplane) {
    this.backplane = backplane
  }

  message(channel: string, frame: Buffer): void {
    this.heard.push({ channel, frame })
    this.#happened()
  }

  up(): void {
    this.ups++
    this.#happened()
  }

  down(outage: Outage): void {
    this.outages.push(outage)
    this.#happened()
  }

  /** Waits until something has happened that makes it true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }

  /** Waits for one more outage than there were: on a busy machine the first connection may have failed too. */
  async goesDown(): Promise<void> {
    const before = this.outages.length
    await this.until(() => this.outages.length > before)
  }

  /** Waits until it is up once more. */
  async comesUp(): Promise<void> {
    const before = this.ups
    await this.until(() => this.ups > before)
  }

  /** Waits for a text on a channel. */
  async hears(channel: string, text: string): Promise<void> {
    await this.until(() => this.textsOn(channel).includes(text))
  }

  textsOn(channel: string): string[] {
    return this.heard.filter((each) => each.channel === channel).map(({ frame }) => frame.toString())
  }

  publish(channel: string, text: string): Promise<number | undefined> {
    return this.backplane.publish(channel, Buffer.from(text))
  }

  #happened(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** What every {@link Backplane} has to do. */
export function backplaneSuite(bus: () => Bus): void {
  /** A connection for one test. */
  async function connect(): Promise<Line> {
    const line = new Line(bus().connect())
    onTestFinished(() => line.backplane.stop())
    line.backplane.start(line)
    await line.until(() => line.ups > 0)
    return line
  }

  /** Tests share a bus, and so have channels of their own. */
  function channels(count: number): string[] {
    const test = randomBytes(6).toString('hex')
    return Array.from({ length: count }, (_, i) => `suite:${test}:${i}`)
  }

  describe('a backplane', () => {
    it('carries frames to all who subscribed, the publisher among them, and to nobody else', async () => {
      const [red = '', blue = ''] = channels(2)
      const [a, b, c] = [await connect(), await connect(), await connect()]
      await Promise.all([a.backplane.subscribe(red), b.backplane.subscribe(red), c.backplane.subscribe(blue)])
      await a.publish(red, 'one')
      await b.publish(red, 'two')
      await b.publish(blue, 'end')
      await a.publish(blue, 'end')
      await Promise.all([a.hears(red, 'one'), a.hears(red, 'two'), b.hears(red, 'one'), b.hears(red, 'two')])
      await c.until(() => c.heard.length === 2)
      expect(a.heard).toHaveLength(2)
      expect(b.heard).toHaveLength(2)
      expect(c.textsOn(red)).toEqual([])
    })

    it('tells how many heard a frame, or that it cannot tell', async () => {
      const [red = ''] = channels(1)
      const [a, b] = [await connect(), await connect()]
      const count = async (): Promise<unknown> => await a.publish(red, 'x')
      expect(await count()).toBe(bus().counts ? 0 : undefined)
      await a.backplane.subscribe(red)
      await b.backplane.subscribe(red)
      expect(await count()).toBe(bus().counts ? 2 : undefined)
    })

    it('keeps the order of each publisher on each channel, and repeats nothing', async () => {
      const names = channels(3)
      const [a, b, reader] = [await connect(), await connect(), await connect()]
      await Promise.all(names.map((name) => reader.backplane.subscribe(name)))
      const wanted = Array.from({ length: 700 }, (_, n) => n)
      const say = (n: number): void => {
        for (const name of names) for (const [who, line] of [a, b].entries()) void line.publish(name, `${who} ${n}`)
      }
      for (const n of wanted) {
        say(n)
        // Some of them in one turn, some in several.
        if (n % 30 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      await reader.until(() => reader.heard.length >= 2 * names.length * wanted.length)
      const heard = (who: number, name: string): string[] =>
        reader.textsOn(name).filter((text) => text.startsWith(`${who} `))
      for (const name of names) {
        expect(heard(0, name)).toEqual(wanted.map((n) => `0 ${n}`))
        expect(heard(1, name)).toEqual(wanted.map((n) => `1 ${n}`))
      }
    })

    it('is heard from the moment on in which the subscription is confirmed', async () => {
      const [a, b] = [await connect(), await connect()]
      for (const name of channels(100)) {
        await a.backplane.subscribe(name)
        await b.publish(name, 'now')
        await a.hears(name, 'now')
      }
    })

    it('confirms two subscriptions to one channel', async () => {
      const [red = ''] = channels(1)
      const a = await connect()
      await Promise.all([a.backplane.subscribe(red), a.backplane.subscribe(red)])
      await a.backplane.subscribe(red)
      await a.publish(red, 'once')
      await a.publish(red, 'end')
      await a.hears(red, 'end')
      expect(a.textsOn(red)).toEqual(['once', 'end'])
    })

    it('carries nothing any more after unsubscribe', async () => {
      const [red = '', blue = ''] = channels(2)
      const [a, b] = [await connect(), await connect()]
      await Promise.all([a.backplane.subscribe(red), a.backplane.subscribe(blue)])
      a.backplane.unsubscribe(red)
      await b.publish(red, 'late')
      await b.publish(blue, 'end')
      await a.hears(blue, 'end')
      expect(a.textsOn(red)).toEqual([])
      a.backplane.unsubscribe('suite:never-subscribed')
    })

    it('hears a channel that is given up and wanted again at once, however fast', async () => {
      const [a, b] = [await connect(), await connect()]
      const [red = '', blue = ''] = channels(2)
      await a.backplane.subscribe(red)
      // So that it is not the last of its connection.
      await a.backplane.subscribe(blue)
      for (let round = 0; round < 40; round++) {
        a.backplane.unsubscribe(red)
        for (let pause = 0; pause < round % 4; pause++) await new Promise((resolve) => setImmediate(resolve))
        if (round % 5 === 0) {
          void a.backplane.subscribe(red)
          a.backplane.unsubscribe(red)
        }
        await a.backplane.subscribe(red)
        await b.publish(red, `round ${round}`)
        await a.hears(red, `round ${round}`)
      }
      expect(a.ups).toBe(1)
    })

    it('goes on when the last channel is given up', async () => {
      const a = await connect()
      for (const name of channels(10)) {
        await a.backplane.subscribe(name)
        a.backplane.unsubscribe(name)
      }
      for (const name of channels(10)) {
        await a.backplane.subscribe(name)
        await a.publish(name, 'still here')
        await a.hears(name, 'still here')
        a.backplane.unsubscribe(name)
      }
      expect(a.ups).toBe(1)
      expect(a.outages).toEqual([])
    })

    it('carries any bytes, none and many', async () => {
      const [red = ''] = channels(1)
      const [a, b] = [await connect(), await connect()]
      await b.backplane.subscribe(red)
      const frames = [
        Buffer.alloc(0),
        Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
        Buffer.from('\r\n$5\r\nhello\r\n*1\r\n'),
        randomBytes(70_000),
        randomBytes(4 * 2 ** 20),
        Buffer.from('end'),
      ]
      for (const frame of frames) void a.backplane.publish(red, frame)
      await b.hears(red, 'end')
      expect(b.heard.map(({ frame }, i) => frame.equals(frames[i] ?? Buffer.alloc(0)))).toEqual(frames.map(() => true))
    })

    it('subscribes to many channels', async () => {
      const names = channels(2000)
      const [a, b] = [await connect(), await connect()]
      await Promise.all(names.map((name) => a.backplane.subscribe(name)))
      for (const name of names) void b.publish(name, 'to all')
      await a.until(() => a.heard.length === names.length)
      expect(new Set(a.heard.map(({ channel }) => channel))).toEqual(new Set(names))
    })

    it('is of use again after a reset, and repeats nothing', async () => {
      const [red = ''] = channels(1)
      const [a, b] = [await connect(), await connect()]
      await a.backplane.subscribe(red)
      await b.publish(red, 'before')
      await a.hears(red, 'before')
      a.backplane.reset()
      while (!a.textsOn(red).includes('after')) {
        await b.publish(red, 'after')
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      expect(a.textsOn(red).filter((text) => text === 'before')).toHaveLength(1)
    })

    it('sends what was published before it stopped, and nothing after', async () => {
      const [red = ''] = channels(1)
      const [a, b] = [await connect(), await connect()]
      await b.backplane.subscribe(red)
      for (let n = 0; n < 100; n++) void a.publish(red, String(n))
      await a.backplane.stop()
      expect(await a.publish(red, 'too late')).toBeUndefined()
      await b.publish(red, 'end')
      await b.hears(red, 'end')
      expect(b.textsOn(red)).toEqual([...Array.from({ length: 100 }, (_, n) => String(n)), 'end'])
    })

    it('tells nothing any more once it has stopped', async () => {
      const [red = ''] = channels(1)
      const [a, b] = [await connect(), await connect()]
      await Promise.all([a.backplane.subscribe(red), b.backplane.subscribe(red)])
      await a.backplane.stop()
      const before = [a.ups, a.outages.length, a.heard.length]
      await b.publish(red, 'end')
      await b.hears(red, 'end')
      expect([a.ups, a.outages.length, a.heard.length]).toEqual(before)
    })

    it('is up once, over one connection, if it is stopped and started again while it connects', async () => {
      const [red = ''] = channels(1)
      const line = new Line(bus().connect())
      onTestFinished(() => line.backplane.stop())
      for (let round = 0; round < 3; round++) {
        line.backplane.start(line)
        await line.backplane.stop()
      }
      line.backplane.start(line)
      await line.backplane.subscribe(red)
      // It takes as long to connect as those that were given up.
      const other = await connect()
      expect(await other.publish(red, 'once')).toBe(bus().counts ? 1 : undefined)
      await line.hears(red, 'once')
      expect([line.ups, line.heard.length]).toEqual([1, 1])
    })

    it('is quiet when it is stopped before it is connected, or was never started', async () => {
      const line = new Line(bus().connect())
      expect(await line.publish('suite:none', 'x')).toBeUndefined()
      line.backplane.start(line)
      await line.backplane.stop()
      const never = bus().connect()
      never.reset()
      await never.stop()
      // Another one would hear of it.
      const other = await connect()
      expect(other.ups).toBe(1)
      expect(line.ups).toBe(0)
    })
  })

  describe('a backplane whose bus goes away', () => {
    it('says so, loses what is published meanwhile, and never sends it later', async ({ skip }) => {
      const { outage } = bus()
      if (!outage) return skip('it lives as long as the process')
      const [red = '', blue = '', late = ''] = channels(3)
      const [a, b] = [await connect(), await connect()]
      await Promise.all([red, blue].flatMap((name) => [a.backplane.subscribe(name), b.backplane.subscribe(name)]))
      await outage.begin()
      await Promise.all([a, b].map((line) => line.until(() => line.outages.length > 0)))
      for (let n = 0; n < 50; n++) expect(await a.publish(red, `lost ${n}`)).toBeUndefined()
      await a.until(() => a.outages.includes('refused'))
      // What changes meanwhile counts when it is back.
      const subscribed = a.backplane.subscribe(late)
      a.backplane.unsubscribe(blue)
      await outage.end()
      await Promise.all([a, b].map((line) => line.until(() => line.ups === 2)))
      await subscribed
      // All that was subscribed before is, again, when it says so.
      await b.publish(blue, 'not wanted')
      await b.publish(late, 'late')
      await a.publish(red, 'found')
      await b.publish(red, 'found, too')
      for (const line of [a, b]) await Promise.all([line.hears(red, 'found'), line.hears(red, 'found, too')])
      await a.hears(late, 'late')
      for (const line of [a, b]) expect(line.textsOn(red)).toHaveLength(2)
      expect(a.textsOn(blue)).toEqual([])
    })

    it('starts while it is away', async ({ skip }) => {
      const { outage } = bus()
      if (!outage) return skip('it lives as long as the process')
      const [red = ''] = channels(1)
      await outage.begin()
      const line = new Line(bus().connect())
      onTestFinished(() => line.backplane.stop())
      line.backplane.start(line)
      const subscribed = line.backplane.subscribe(red)
      await line.until(() => line.outages.includes('refused'))
      expect(line.ups).toBe(0)
      await outage.end()
      await subscribed
      await line.until(() => line.ups === 1)
      await line.publish(red, 'here')
      await line.hears(red, 'here')
    })
  })
}
