import { createHook } from 'node:async_hooks'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Relay } from '../../src/relay.js'

/** Keeps what is started from now on, by the name of its kind: timers with their periods, and watches of the event loop. */
function watchStarts(): { timers: number[]; loopWatches: number } {
  const starts = { timers: [] as number[], loopWatches: 0 }
  const hook = createHook({
    init(_id, type, _trigger, resource: { _idleTimeout?: number }) {
      if (type === 'Timeout') starts.timers.push(resource._idleTimeout ?? 0)
      if (type === 'ELDHISTOGRAM') starts.loopWatches++
    },
  }).enable()
  onTestFinished(() => void hook.disable())
  return starts
}

const options = { port: 0, host: '127.0.0.1', logLevel: 'silent', adminToken: 'sixteen letters.' } as const

describe('a relay with nothing to do (10.6)', () => {
  it('starts nothing when it is made', () => {
    const starts = watchStarts()
    new Relay(options)
    expect(starts).toEqual({ timers: [], loopWatches: 0 })
  })

  it('has no short timers while it listens, and watches the event loop when it is asked how late that is', async () => {
    const starts = watchStarts()
    const { adminToken: _, ...plain } = options
    const relay = new Relay(plain)
    await relay.listen()
    expect(starts.timers.filter((period) => period < 1000)).toEqual([])
    expect(starts.loopWatches).toBe(0)
    await relay.metrics()
    const { loopWatches } = starts
    // prom-client makes one as well, which never looks.
    expect(loopWatches).toBe(2)
    await relay.metrics()
    expect(starts.loopWatches).toBe(loopWatches)
    await relay.close({ drain: 0 })
  })
})
