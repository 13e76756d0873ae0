import { pino } from 'pino'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Room } from '../../src/core/room.js'
import { EventLog } from '../../src/observability/event-log.js'
import { RoomNameHasher } from '../../src/observability/room-names.js'
import { parseOptions } from '../../src/options/index.js'
import { Relay } from '../../src/relay.js'
import { connect, createContext } from '../support/context.js'

function createEventLog(options: object = {}): { eventLog: EventLog; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const write = (line: string): void => void lines.push(JSON.parse(line))
  const log = pino({ level: 'debug', base: null, timestamp: false, messageKey: 'message' }, { write })
  return { eventLog: new EventLog(log, new RoomNameHasher(parseOptions(options))), lines }
}

function openRoom(url: string): Room {
  const context = createContext()
  connect(context, url)
  const [room] = context.rooms
  context.stop()
  if (!room) throw new Error('no room')
  return room
}

describe('the event log', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('names rooms by a hash that differs by dialect and key, and is the same for the same', () => {
    const hash = (url: string, logKey: string): unknown => {
      const { eventLog, lines } = createEventLog({ logKey })
      eventLog.roomCreated(openRoom(url))
      return lines[0]?.['roomId']
    }
    const one = hash('/room/doc', 'a key of 16 bytes')
    expect(one).toMatch(/^[0-9a-f]{12}$/)
    expect(hash('/room/doc', 'a key of 16 bytes')).toBe(one)
    expect(hash('/room/doc', 'another 16 bytes')).not.toBe(one)
    expect(hash('/raw/doc', 'a key of 16 bytes')).not.toBe(one)
    expect(hash('/room/doc', '')).not.toBe(hash('/room/doc', ''))
  })

  it('shows names on request', () => {
    const { eventLog, lines } = createEventLog({ logRoomNames: true })
    eventLog.roomCreated(openRoom('/room/doc'))
    expect(lines[0]).toMatchObject({ roomId: 'doc' })
  })

  it('gives the totals, and each room at debug level', () => {
    const { eventLog, lines } = createEventLog({ logRoomNames: true })
    const context = createContext()
    connect(context, '/room/doc')
    connect(context, '/room/doc')
    const relay = new Relay({ logLevel: 'silent' })
    eventLog.statistics({ ...relay.stats(), currentRooms: 1, currentConnections: 2 }, context.rooms)
    expect(lines).toEqual([
      { level: 30, rooms: 1, connections: 2, topics: 0, peers: 0, messagesRelayed: 0, message: 'Statistics' },
      { level: 20, dialect: 'impossible-writer', roomId: 'doc', userCount: 2, message: 'Room statistics' },
    ])
    context.stop()
  })

  it('is written every five minutes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const statistics = vi.spyOn(EventLog.prototype, 'statistics')
    const relay = new Relay({ port: 0, host: '127.0.0.1', logLevel: 'silent' })
    await relay.listen()
    vi.advanceTimersByTime(15 * 60_000)
    expect(statistics).toHaveBeenCalledTimes(3)
    await relay.close()
    expect(vi.getTimerCount()).toBe(0)
    statistics.mockRestore()
  })
})
