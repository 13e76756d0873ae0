import { describe, expect, it } from 'vitest'
import { isPublic, Networks, parseNetworks } from '../../src/ip/networks.js'

describe('a set of networks', () => {
  const networks = new Networks(['10.1.0.0/16', '192.0.2.7', '2001:db8::/32', 'loopback'])

  it.each(['10.1.255.255', '192.0.2.7', '2001:db8:ffff::1', '127.9.9.9', '::1'])('has %s', (address) => {
    expect(networks.has(address)).toBe(true)
  })

  it.each(['10.2.0.0', '192.0.2.8', '2001:db9::1', '::2', '10.1.0'])('has not %s', (address) => {
    expect(networks.has(address)).toBe(false)
  })

  it.each(['0.0.0.0/0', '::/0'])('may be all of a family: %s', (all) => {
    const [v4, v6] = [new Networks([all]).has('192.0.2.1'), new Networks([all]).has('2001:db8::1')]
    expect([v4, v6]).toEqual(all === '::/0' ? [false, true] : [true, false])
  })

  it.each(['', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', 'private', '::ffff:10.0.0.0/104', 'toString'])(
    'has no network %j',
    (text) => {
      expect(parseNetworks(text)).toBeUndefined()
    },
  )
})

describe('a host to listen on', () => {
  it.each(['', '0.0.0.0', '::', '192.0.2.1', '2001:db8::1'])('%j may be reached from the internet', (host) => {
    expect(isPublic(host)).toBe(true)
  })

  it.each(['127.0.0.1', '::1', 'localhost', '192.168.1.5', '10.0.0.1', 'fd00::1'])('%j may not', (host) => {
    expect(isPublic(host)).toBe(false)
  })
})
