import { describe, expect, it } from 'vitest'
import { RoomAges } from '../../src/cluster/room-ages.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('the ages of rooms', () => {
  it('are not those of rooms that have expired', () => {
    const ages = new RoomAges(HOUR)
    const created = Date.now() - HOUR
    expect(ages.plausible('red', created)).toBe(true)
    ages.markExpired('red', created, 0)
    expect(ages.plausible('red', created)).toBe(false)
    expect(ages.plausible('red', created + 1)).toBe(true)
    expect(ages.plausible('blue', created)).toBe(true)
  })

  it('lie neither in the future nor before any room can have been opened', () => {
    const ages = new RoomAges(HOUR)
    expect(ages.plausible('red', Date.now() + 2 * MINUTE)).toBe(false)
    expect(ages.plausible('red', Date.now() - 25 * HOUR)).toBe(false)
  })

  it('are forgotten after a while, even beside a room that expires again and again', () => {
    const ages = new RoomAges(HOUR)
    const created = Date.now()
    ages.markExpired('often', created, 0)
    ages.markExpired('once', created, 1)
    for (let now = 5 * MINUTE; now < HOUR; now += 5 * MINUTE) {
      ages.markExpired('often', created, now)
      ages.sweep(now)
    }
    expect(ages.plausible('once', created)).toBe(true)
    expect(ages.plausible('often', created)).toBe(false)
  })
})
