import { onTestFinished, vi } from 'vitest'

/** Stops all clocks for one test; time passes when the test says so, for the relay and its clients alike. */
export function stopClocks(): { pass(seconds: number): void; set(seconds: number): void } {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  return {
    pass: (seconds) => void vi.advanceTimersByTime(seconds * 1000),
    // As when a machine wakes up, or somebody sets its clock: no timer notices.
    set: (seconds) => void vi.setSystemTime(Date.now() + seconds * 1000),
  }
}

/** For a relay whose test lets hours pass: no other deadline than the one in question. */
export const NO_DEADLINES = { heartbeatInterval: 0, joinTimeout: 0, roomExpiry: 0 } as const
